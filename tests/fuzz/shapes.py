"""Builds JSON of a given vocabulary out of bytes, so that a fuzzer of bytes reaches its readers."""

from collections.abc import Sequence
from typing import Any, Final

NASTY: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 7, 10**18, 10**30, 1.5, -0.0, 1e308, float("nan"), float("inf"),
    "", " ", "\n", "x", "\0", "a\0b", "\ud83d", "half \udc00 of", "\u202egnp.exe", "\u2066a\u2069",
    "\ufeff", "e\u0301", "<", "]", "`", "```", "*" * 9, "_" * 9, "|", "\\", "0", "1e400", "-1",
    "9" * 40, "1512085950.000216", "2017-13-45T99:99:99", "1970-01-01T00:00:00.000+0000",
    "javascript:alert(1)", "data:text/html,x", "http://[", "http://a@b@c/", "../../etc/passwd",
    "x" * 300, "deny:all", "public", "user:", ":", "a:b", [], {}, [[]], [None], [{}], {"": None},
)  # fmt: skip
"""Values that no reader expects where they stand."""

_DEEPEST: Final = 200
_MOST: Final = 4_000


class Shaper:
    """Makes one value of a string of bytes; the same bytes give the same value.

    Args:
        data: What decides.
        keys: Names of fields.
        words: Texts that mean something to the reader (names of types).
    """

    def __init__(self, data: bytes, keys: Sequence[str], words: Sequence[str]) -> None:
        self._data = data
        self._keys = keys
        self._words = words
        self._at = 0
        self._made = 0

    def value(self, depth: int = 0) -> Any:
        """The next value; small ones when the bytes come to their end."""
        self._made += 1
        kind = self._byte() % 16
        if self._at >= len(self._data) or depth > _DEEPEST or self._made > _MOST:
            return self._word()
        if kind < 6:
            return self.node(depth)
        if kind < 9:
            return [self.value(depth + 1) for _ in range(self._byte() % 6)]
        if kind < 12:
            return self._word()
        if kind < 14:
            return self._text()
        return NASTY[self._byte() % len(NASTY)]

    def node(self, depth: int = 0) -> dict[str, Any]:
        """The next object."""
        fields = range(1 + self._byte() % 5)
        return {self._keys[self._byte() % len(self._keys)]: self.value(depth + 1) for _ in fields}

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def _word(self) -> str:
        return self._words[self._byte() % len(self._words)]

    def _text(self) -> str:
        size = self._byte() % 40
        part = self._data[self._at : self._at + size]
        self._at += size
        return part.decode("utf-8", "surrogateescape")
