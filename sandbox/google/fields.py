"""Partial responses: the ``fields`` parameter (developers.google.com/gmail/api/guides/performance).

``a,b`` names several fields, ``a/b`` and ``a(b,c)`` fields of a field, ``*`` all of them. A field
named without more comes whole; in ``payload(parts(mimeType))`` the parts' own parts are not named
and therefore left out.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from sandbox.google.errors import GoogleError

Mask: TypeAlias = "dict[str, Mask | None]"
"""Field name to the mask below it; None takes all of it."""

Schemas: TypeAlias = "Mapping[str, Mapping[str, str]]"
"""Type name to its fields; a field maps to the name of its type, or to an empty text."""

_TOKEN = re.compile(r"\s*([A-Za-z0-9_@$.-]+|\*|[(),/])")


def leaves(names: str) -> dict[str, str]:
    """Fields without fields of their own, for a schema; names are parted by blanks."""
    return dict.fromkeys(names.split(), "")


def parse_mask(text: str) -> Mask:
    """Read a ``fields`` value.

    Raises:
        GoogleError: 400: it is not of the language.
    """
    tokens: list[str] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _invalid(text[position:])
        tokens.append(match[1])
        position = match.end()
    parser = _Parser(tokens, text)
    mask = parser.selection()
    if parser.tokens:
        raise _invalid(text)
    return mask


def check_mask(mask: Mask, schemas: Schemas, type_name: str) -> None:
    """Refuse a mask that names a field the answer's type does not have.

    Raises:
        GoogleError: 400: ``Invalid field selection``.
    """
    known = schemas[type_name]
    for name, below in mask.items():
        if name == "*":
            if below is not None:
                for kind in {kind for kind in known.values() if kind}:
                    check_mask(below, schemas, kind)
            continue
        if name not in known:
            raise _invalid(name)
        if below is not None:
            if not known[name]:
                raise _invalid(next(iter(below)))
            check_mask(below, schemas, known[name])


def apply_mask(mask: Mask, value: Any) -> Any:
    """What a mask leaves of a JSON value; lists are masked item by item."""
    if isinstance(value, list):
        return [apply_mask(mask, item) for item in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for name, item in value.items():
        if name in mask:
            below = mask[name]
        elif "*" in mask:
            below = mask["*"]
        else:
            continue
        kept[name] = item if below is None else apply_mask(below, item)
    return kept


class _Parser:
    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens = tokens[::-1]
        self._text = text

    def selection(self) -> Mask:
        mask: Mask = {}
        while True:
            self._field(mask)
            if not self.tokens or self.tokens[-1] != ",":
                return mask
            self.tokens.pop()

    def _field(self, mask: Mask) -> None:
        name = self._take()
        if name in "(),/":
            raise _invalid(self._text)
        if self.tokens and self.tokens[-1] == "/":
            self.tokens.pop()
            below: Mask = {}
            self._field(below)
            _merge(mask, name, below)
        elif self.tokens and self.tokens[-1] == "(":
            self.tokens.pop()
            below = self.selection()
            if self._take() != ")":
                raise _invalid(self._text)
            _merge(mask, name, below)
        else:
            mask[name] = None

    def _take(self) -> str:
        if not self.tokens:
            raise _invalid(self._text)
        return self.tokens.pop()


def _merge(mask: Mask, name: str, below: Mask) -> None:
    """Add a nested selection; ``a/b,a/c`` is ``a(b,c)``, and a field taken whole stays whole."""
    if name not in mask:
        mask[name] = below
        return
    earlier = mask[name]
    if earlier is None:
        return
    for inner, deeper in below.items():
        if deeper is None:
            earlier[inner] = None
        else:
            _merge(earlier, inner, deeper)


def _invalid(what: str) -> GoogleError:
    return GoogleError(
        400,
        f"Invalid field selection {what}",
        "invalidParameter",
        location=("parameter", "fields"),
    )
