"""Parts what a person wrote in a mail from what the mail repeats: quotes and signature.

mail-parser-reply knows how mail programs introduce a quote in a dozen languages ("Am ... schrieb
...:", "From: ... Sent: ..."); its own splitting takes indentation away and drops answers between
quotes, so only its expressions are used, each on a few short lines.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from documents.text import normalize_text

_EXAMINED_CHARS: Final = 400_000
_LONGEST_LINE: Final = 300
_WINDOW: Final = 7
"""Lines of an introduction; Outlook's has up to six."""

_MOST_WINDOWS: Final = 300
_SIGNATURE_LINES: Final = 20
_CLOSING_LINES: Final = 9
_LONGEST_CLOSING: Final = 60

_QUOTED: Final = re.compile(r"^[ \t]{0,3}>")
_DELIMITER: Final = re.compile(r"^-- ?$|^_{30,}$|^-{40,}$")
_RULER: Final = re.compile(r"^\s*[_*-]{5,}\s*$")
_ORIGINAL: Final = re.compile(
    r"^\s*-{2,}\s*(?:Original Message|Original Appointment|Ursprüngliche Nachricht|"
    r"Originalnachricht|Message d'origine|Message original|Mensaje original|Messaggio originale|"
    r"Oprindelig meddelelse|Opprinnelig melding|Ursprungligt meddelande|Oorspronkelijk bericht|"
    r"Mensagem original|Wiadomość oryginalna|Исходное сообщение|原始邮件|元のメッセージ)\s*-{2,}",
    re.IGNORECASE,
)
_FORWARD: Final = re.compile(
    r"\s*(?:[-_*>\s]{0,40})(?:Forwarded message|Begin forwarded message|Weitergeleitete Nachricht|"
    r"Anfang der weitergeleiteten Nachricht|Message transféré|Début du message (?:réexpédié|"
    r"transféré)|Mensaje reenviado|Inicio del mensaje reenviado|Messaggio inoltrato|"
    r"Inizio messaggio inoltrato|Doorgestuurd bericht|Videresendt meddelelse|"
    r"Vidarebefordrat meddelande|Mensagem encaminhada|Wiadomość przekazana|"
    r"Пересланное сообщение|转发的邮件|転送されたメッセージ)",
    re.IGNORECASE,
)
_FORWARD_SUBJECT: Final = re.compile(
    r"\s*(?:fwd?|wg|tr|rv|vs|vb|doorst|enc|i|fs|转发|轉寄)\s*:", re.IGNORECASE
)
_REPLY_SUBJECT: Final = re.compile(
    r"\s*(?:re|aw|antw|sv|odp|回复|回覆|答复|ref|réf)\s*(?:\[\d+\])?\s*:", re.IGNORECASE
)
_INTRODUCES: Final = re.compile(r"(?:@|wrote|writes|schrieb|écrit|escribi|scritto|skrev).*:\s*$")


@dataclass(frozen=True, slots=True)
class Split:
    """A text in its parts, each normalised and possibly empty.

    Attributes:
        new: What its sender wrote, or forwarded.
        quoted: What it repeats of earlier mails.
        signature: The sender's name card, and what lists and servers append.
    """

    new: str
    quoted: str = ""
    signature: str = ""


def is_forward(subject: str) -> bool:
    """Whether a subject says that the mail hands on another one."""
    return _FORWARD_SUBJECT.match(subject) is not None


def is_reply(subject: str) -> bool:
    """Whether a subject says that the mail answers another one."""
    return _REPLY_SUBJECT.match(subject) is not None


def begins_forward(text: str) -> bool:
    """Whether a text begins as mail programs introduce a forwarded mail."""
    return _FORWARD.match(text[:400]) is not None


def is_introduction(lines: Sequence[str]) -> bool:
    """Whether lines begin with what introduces a quote ("On Monday, Ada wrote:")."""
    window = "\n".join(line.strip()[:_LONGEST_LINE] for line in lines[:_WINDOW])
    return _headers().match(window) is not None


def split_plain(text: str, *, forward: bool = False, only_introduced: bool = False) -> Split:
    """Parts a plain text.

    Lines that begin with `>` are quotes wherever they stand, with the line that introduces them;
    answers between them are new text, in their order. Where nothing is marked so, the quote begins
    at its introduction and goes on to the end.

    Args:
        text: The text.
        forward: The mail hands another one on: what follows an introduction is its content.
        only_introduced: Lines with `>` are quotes only after an introduction (in Markdown, where a
            person may have set them).
    """
    examined, rest = text[:_EXAMINED_CHARS], text[_EXAMINED_CHARS:]
    lines = examined.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines, signature = _without_signature(lines) if not rest else (lines, [])
    new, quoted = _without_quotes(lines, forward=forward, only_introduced=only_introduced)
    if not signature and not rest and new == lines[: len(new)]:
        # Written above the quote, the name card stands above it too. (Where answers stand between
        # quotes, what follows two hyphens may be one of them.)
        new, signature = _without_signature(new)
    if not signature and not rest:
        new, signature = _without_closing(new)
    return Split(
        new=normalize_text("\n".join(new) + rest),
        quoted=normalize_text("\n".join(quoted)),
        signature=normalize_text("\n".join(signature)),
    )


def _without_quotes(
    lines: list[str], *, forward: bool, only_introduced: bool
) -> tuple[list[str], list[str]]:
    new: list[str] = []
    quoted: list[str] = []
    in_quote = False
    windows = 0
    for number, line in enumerate(lines):
        if _QUOTED.match(line):
            if not in_quote and not forward:
                introduction = _introduction_before(new)
                in_quote = bool(introduction) or not only_introduced
                if introduction:
                    del new[-len(introduction) :]
                    quoted += introduction
            (quoted if in_quote else new).append(line)
            continue
        if in_quote and not line.strip():
            quoted.append(line)
            continue
        if in_quote:
            in_quote = False
            new.append("")
        if not forward and windows < _MOST_WINDOWS and _may_begin_tail(lines, number):
            windows += 1
            if begins_forward(line):
                return new + lines[number:], quoted
            if _begins_tail(lines, number):
                kept = _without_ruler(new)
                return kept, quoted + new[len(kept) :] + lines[number:]
        new.append(line)
    return new, quoted


def _without_ruler(lines: list[str]) -> list[str]:
    """Lines without the ruler that Outlook draws before it repeats an earlier mail."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[: end - 1] if end and _RULER.match(lines[end - 1]) else lines


def _introduction_before(new: list[str]) -> list[str]:
    """The last lines before a quote, where they introduce it."""
    end = len(new)
    while end and not new[end - 1].strip() and len(new) - end < 3:
        end -= 1
    if not end or not new[end - 1].rstrip().endswith((":", "\uff1a")):
        return []
    for height in (1, 2, 3):
        begin = end - height
        if begin < 0 or not new[begin].strip():
            break
        if is_introduction(new[begin:end]):
            return new[begin:]
    return new[end - 1 :] if _INTRODUCES.search(new[end - 1][:_LONGEST_LINE]) else []


def _may_begin_tail(lines: Sequence[str], number: int) -> bool:
    """Whether a line is worth a look: the first of a paragraph, or under a ruler."""
    before = lines[number - 1].strip() if number else ""
    return bool(lines[number].strip()) and (not before or not before.strip("-_* "))


def _begins_tail(lines: Sequence[str], number: int) -> bool:
    """Whether everything from here on repeats an earlier mail."""
    line = lines[number][:_LONGEST_LINE]
    if _ORIGINAL.match(line):
        return True
    following = [*lines[number : number + _WINDOW]]
    if not is_introduction(following):
        return False
    # What introduces lines with `>` is told by these; answers may stand between them.
    after = (one for one in lines[number + 1 : number + _WINDOW] if one.strip())
    return not any(_QUOTED.match(one) for one in after)


def _without_signature(lines: list[str]) -> tuple[list[str], list[str]]:
    """Cuts at the line of two hyphens (RFC 3676, 4.3), or at a list's ruler near the end."""
    first = max(0, len(lines) - _SIGNATURE_LINES)
    for number in range(first, len(lines)):
        if _DELIMITER.match(lines[number].rstrip("\r")) and not any(
            _QUOTED.match(line) for line in lines[number:]
        ):
            if _RULER.match(lines[number]) and is_introduction(lines[number + 1 :]):
                break
            if number and any(line.strip() for line in lines[:number]):
                return lines[:number], lines[number + 1 :]
            break
    return lines, []


def _without_closing(lines: list[str]) -> tuple[list[str], list[str]]:
    """Cuts at "Best regards" and the like, where only short lines follow."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    for number in range(max(1, end - _CLOSING_LINES), end):
        line = lines[number].strip()
        if len(line) > _LONGEST_CLOSING or not _closings().match(line):
            continue
        after = lines[number + 1 : end]
        written = any(one.strip() for one in lines[:number])
        if written and all(len(one) <= _LONGEST_CLOSING * 2 for one in after):
            return lines[:number], lines[number:end]
    return lines, []


@cache
def _headers() -> re.Pattern[str]:
    from mailparser_reply import EmailMessage  # noqa: PLC0415 (only where mails are read)

    pattern: re.Pattern[str] = EmailMessage(text="", languages=_languages()).HEADER_REGEX
    return pattern


@cache
def _closings() -> re.Pattern[str]:
    """Words that close a letter, or with which a phone signs, alone on their line."""
    from mailparser_reply.constants import MAIL_LANGUAGES  # noqa: PLC0415

    words: list[str] = []
    for language in _languages():
        known = MAIL_LANGUAGES[language]
        words += known.get("signatures", [])
        if phone := known.get("sent_from"):
            words.append(f"(?:{phone}).*")
    return re.compile(rf"(?:{'|'.join(words)})[\s,.!]*$", re.IGNORECASE)


def _languages() -> list[str]:
    from mailparser_reply.constants import MAIL_LANGUAGES  # noqa: PLC0415

    return [language for language in MAIL_LANGUAGES if len(language) == 2]  # not its example
