"""Every reader of what strangers wrote: any bytes, endless repetition, bottomless nesting.

The readers are in `fuzz.readers`; a new one is tried here from the moment it is listed there.
"""

import gc
import io
import resource
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from effort import FULL, tries
from fuzz.found import FOUND
from fuzz.readers import READERS, Reader, mail_record
from fuzz.verdict import fault_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from documents.text import normalize_text
from exporters.errors import InvalidDataError
from exporters.gmail.documents import mail_documents
from exporters.gmail.mbox import mails
from exporters.jira.adf import adf_to_markdown
from exporters.slack.blocks import links, mentions, message_to_markdown
from exporters.slack.markdown import Names

pytestmark = pytest.mark.faults

_LENGTH = tries(12_000, 200_000)
_QUICK = 0.25
"""CPU seconds that nobody asks about. Above, four times the text may take some eight times as
long, but not sixteen."""

_WORST_GROWTH = 9.0
_FILE_SECONDS = 25.0
_ALL = sorted(READERS)


def outcome(reader: Reader, data: bytes) -> str:
    """What is wrong with what a reader makes of bytes; raises what it may not raise."""
    try:
        return fault_of(reader.read(data), size=len(data))
    except reader.declared:
        return ""


def seconds(work: Callable[[], object]) -> float:
    """CPU time of this thread alone, outside the kernel: what the text costs, not the machine.

    Without the garbage collector, which now and then looks at all that other tests left behind.
    """
    gc.disable()
    try:
        begun = resource.getrusage(resource.RUSAGE_THREAD).ru_utime
        work()
        return resource.getrusage(resource.RUSAGE_THREAD).ru_utime - begun
    finally:
        gc.enable()


def assert_no_worse_than_linear(reader: Reader, make: Callable[[int], bytes], length: int) -> None:
    """Compares a text with a quarter of it, and once more if that looks bad.

    Files are read by processes with a limit of their own, 30 s by default, so that limit counts.
    """
    if reader.name.startswith("file "):
        assert seconds(lambda: outcome(reader, make(length))) < _FILE_SECONDS
        return
    taken: list[tuple[float, float]] = []
    for _ in range(3):
        long = seconds(lambda: outcome(reader, make(length)))
        if long < _QUICK:
            return
        short = seconds(lambda: outcome(reader, make(length // 4)))
        if long < _WORST_GROWTH * max(short, _QUICK / 10):
            return
        taken.append((short, long))
    raise AssertionError(
        f"{reader.name}, {make(40)!r}: {taken} s for {length // 4:,} and {length:,} bytes"
    )


def grammar(reader: Reader) -> st.SearchStrategy[bytes]:
    """Any bytes; and what the reader's grammar knows, in any order, with anything between."""
    pieces = [*(piece.encode() for piece in reader.pieces), *reader.seeds, b"a", b" ", b"\n", b"\0"]
    some = st.lists(st.one_of(st.sampled_from(pieces), st.binary(max_size=8)), max_size=30)
    return st.one_of(st.binary(max_size=400), some.map(b"".join))


@pytest.mark.parametrize("name", _ALL)
def test_any_bytes_give_a_text_that_can_be_stored_or_the_declared_error(name: str) -> None:
    reader = READERS[name]

    @settings(
        max_examples=tries(12, 3_000),
        deadline=None,
        database=None,
        derandomize=not FULL,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=grammar(reader))
    def read(data: bytes) -> None:
        assert outcome(reader, data) == ""

    read()


@pytest.mark.parametrize("name", [name for name in _ALL if READERS[name].pieces])
def test_a_piece_repeated_without_end_takes_time_that_grows_with_the_text(name: str) -> None:
    reader = READERS[name]
    for piece in reader.pieces:
        for unit in (piece, f"{piece}x ") if FULL else (piece,):
            repeated = unit.encode()

            def make(length: int, repeated: bytes = repeated) -> bytes:
                text = (repeated * (length // len(repeated) + 1))[:length]
                return text + b"\n" + text if name == "search" else text

            assert_no_worse_than_linear(reader, make, _LENGTH)


@pytest.mark.parametrize(("name", "data"), FOUND, ids=[f"{n}-{d[:16]!r}" for n, d in FOUND])
def test_what_was_found_once(name: str, data: bytes) -> None:
    reader = READERS[name]
    assert outcome(reader, data) == ""
    assert_no_worse_than_linear(reader, lambda length: data[:length], len(data))


def nested(kind: str, child: str, depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "text", "text": "deep words"}
    for _ in range(depth):
        node = {"type": kind, child: [node], "mimeType": kind}
    return node


_ADF_KINDS = ("paragraph", "bulletList", "taskList", "panel", "table", "tableRow", "expand", "new")
_BLOCK_KINDS = ("section", "rich_text", "rich_text_list", "context", "table", "new")


@pytest.mark.parametrize("kind", _ADF_KINDS)
def test_a_document_nested_without_bottom_gives_its_words(kind: str) -> None:
    text = adf_to_markdown({"type": "doc", "content": [nested(kind, "content", 10_000)]})
    assert "deep words" in text
    assert len(text) < 100_000


@pytest.mark.parametrize("kind", _BLOCK_KINDS)
@pytest.mark.parametrize("child", ["elements", "blocks", "attachments"])
def test_a_message_nested_without_bottom_ends(kind: str, child: str) -> None:
    message = {"text": "above", child: [nested(kind, child, 10_000)]}
    text = message_to_markdown(message, Names())
    assert "above" in text
    assert len(text) < 200_000
    assert links(message) == []
    assert mentions(message).users == ()


@pytest.mark.parametrize("kind", ["multipart/mixed", "multipart/alternative", "message/rfc822"])
def test_a_mail_nested_without_bottom_ends(kind: str) -> None:
    tree = nested(kind, "parts", 10_000)
    [document] = mail_documents(mail_record(tree))
    assert document.metadata["extra"]["text_truncated"]


def test_a_line_without_end_is_not_held_whole() -> None:
    """Of a mailbox file only the mail that is being read is in memory, and never more than most."""
    length = tries(8_000_000, 100_000_000)

    class Endless(io.RawIOBase):
        left = length

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            size = min(len(buffer), self.left)
            buffer[:size] = b"a" * size
            self.left -= size
            return size

    def stream() -> Iterator[object]:
        file = io.BufferedReader(Endless())
        yield from mails(_After(b"From x Mon Jan  1 00:00:00 2024\n", file), largest=100_000)  # type: ignore[arg-type]

    tracemalloc.start()
    try:
        [found] = stream()
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()
    assert isinstance(found, InvalidDataError)


class _After:
    """A file with a line before it."""

    def __init__(self, line: bytes, file: io.BufferedReader) -> None:
        self._line, self._file = line, file

    def readline(self, size: int) -> bytes:
        line, self._line = self._line, b""
        return line or self._file.readline(size)


def test_marks_of_direction_are_kept_and_cannot_reach_other_lines() -> None:
    """Hebrew and Arabic need them; a file name that they turn round is told with its type."""
    assert normalize_text("a \u202egpj.exe\u202c b") == "a \u202egpj.exe\u202c b"
    assert normalize_text("a\u2028b\u2029c") == "a\nb\nc"
