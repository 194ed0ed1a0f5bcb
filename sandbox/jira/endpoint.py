"""What an endpoint is to the sandbox."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.jira.asking import Asking
from sandbox.jira.model import Flavour

Handler = Callable[[Asking], Any]

WORK = ("read:jira-work",)
USER = ("read:jira-user",)
PROJECT = ("manage:jira-project",)
CONFIGURATION = ("manage:jira-configuration",)
BOTH: tuple[Flavour, ...] = ("cloud", "datacenter")
CLOUD: tuple[Flavour, ...] = ("cloud",)
DATACENTER: tuple[Flavour, ...] = ("datacenter",)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path and method of the API.

    Attributes:
        verb: HTTP method.
        path: Below ``/rest/api/3/`` with names in braces; also what faults and counts call it. The
            agile API's begin with ``agile/``.
        handler: Makes up the answer: JSON, or a whole response.
        scopes: Classic OAuth scopes a scoped token needs, all of them.
        flavours: Where it exists.
        anonymous: Whether it answers without credentials.
    """

    verb: Literal["GET", "POST"]
    path: str
    handler: Handler
    scopes: tuple[str, ...] = WORK
    flavours: tuple[Flavour, ...] = BOTH
    anonymous: bool = False

    def match(self, verb: str, path: str) -> dict[str, str] | None:
        """The named parts of a path, or None for another endpoint's."""
        if verb != self.verb:
            return None
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path), path)
        return None if found is None else found.groupdict()
