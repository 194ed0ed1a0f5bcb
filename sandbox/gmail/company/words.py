"""Filling templates with the words of the company, which are those of its Slack."""

import html
import re
from random import Random

from sandbox.slack.company.vocabulary import VOCABULARY

_CHOICE = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_SLOT = re.compile(r"\$([a-z]+)(\d?)")


class Words:
    """The words of one conversation: a slot is filled with the same word all through it.

    Attributes:
        random: Source of every choice.
        chosen: Words already chosen, by slot.
    """

    def __init__(self, random: Random, **chosen: str) -> None:
        self.random = random
        self.chosen = dict(chosen)

    def fill(self, template: str) -> str:
        """A template with ``{one|of|these}`` and ``$slot`` replaced; ``$slot2`` is another word."""
        text = _CHOICE.sub(
            lambda match: self.random.choice(match[1].split("|")), template.strip("\n")
        )
        return _SLOT.sub(lambda match: self._word(match[1], match[2]), text)

    def _word(self, slot: str, number: str) -> str:
        key = slot + number
        if key not in self.chosen:
            make = VOCABULARY[slot]
            word = html.unescape(make(self.random))
            for _ in range(10):
                if word not in self.chosen.values():
                    break
                word = html.unescape(make(self.random))
            self.chosen[key] = word
        return self.chosen[key]
