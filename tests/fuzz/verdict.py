"""What is wrong with what a reader gave: the same for the fuzzer and for the tests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from langchain_core.documents import Document


def texts_in(value: Any) -> Iterator[str]:
    """Every text anywhere in a value: in documents, data classes, mappings and lists."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, Document):
            waiting += [here.id, here.page_content, here.metadata]
        elif isinstance(here, Mapping):
            waiting += [*here.keys(), *here.values()]
        elif isinstance(here, Sequence) and not isinstance(here, bytes):
            waiting += here
        elif is_dataclass(here):
            waiting += [getattr(here, one.name) for one in fields(here)]


def fault_of(value: Any, *, size: int, growth: float = 60.0) -> str:
    """What is wrong with a result; empty for nothing.

    Args:
        value: The result.
        size: Bytes of what it was made of.
        growth: How many characters may come of a byte. (A list of a list makes indentation.)
    """
    total = 0
    for text in texts_in(value):
        total += len(text)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                return f"half a character in {text[:80]!r}"
        if "\0" in text:
            return f"a NUL in {text[:80]!r}"
    if total > growth * size + 3_000_000:
        return f"{total:,} characters of {size:,} bytes"
    return ""
