"""The text of a file, whatever it is: bounded, in a process of its own, at most once.

Reading files of strangers is what parsers fail at: they hang, crash, take all memory, and now and
then do what the file says. So it is done by processes that hold no secrets and may do nothing but
compute (`exporters.extraction.confinement`), and a file that breaks its process costs that file.
"""

import atexit
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from queue import LifoQueue
from threading import Lock
from typing import Self

from exporters.extraction.errors import EMPTY, STOPPED, SWITCHED_OFF, skipped, too_large
from exporters.extraction.kinds import KINDS, declared_kind, suffix_of
from exporters.extraction.process import ReadingProcess
from exporters.extraction.settings import ExtractionSettings, extraction_settings


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was found in a file.

    Attributes:
        text: Its text as Markdown where it has structure, uniform as `normalize_text` makes it;
            None where there is none.
        truncated: Whether there was more text than is kept.
        reason: Why there is no text, a sentence; empty where there is one.
        sha256: Of the file's bytes, in hexadecimal.
    """

    text: str | None
    truncated: bool
    reason: str
    sha256: str


def extract_text(
    content: bytes,
    *,
    name: str | None,
    mime_type: str | None,
    settings: ExtractionSettings | None = None,
) -> Extracted:
    """Gives the text of a file. May be called from several threads at once.

    What the file is, its content says; name and type are asked where the content leaves it open.
    No content makes it raise: where there is no text, `reason` says why.

    Args:
        content: The file.
        name: Its name, where the source tells one.
        mime_type: Its media type, likewise; a `charset` in it is heeded.
        settings: The limits; those of the section `attachments` where none are given.

    Raises:
        ConfigurationError: No reading process can be started here, or a setting makes no sense.
    """
    return shared_extractor(settings).extract(content, name=name, mime_type=mime_type)


def shared_extractor(settings: ExtractionSettings | None = None) -> "Extractor":
    """The extractor of this process for some settings, made when it is first asked for.

    Raises:
        ConfigurationError: A setting makes no sense.
    """
    settings = settings or extraction_settings()
    with _shared_lock:
        if settings not in _shared:
            _shared[settings] = Extractor(settings)
        return _shared[settings]


class Extractor:
    """Reading processes and a cache of what they found.

    It is a context manager; `close` ends the processes.
    """

    def __init__(
        self,
        settings: ExtractionSettings | None = None,
        *,
        readers: Mapping[str, str] | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            settings: The limits.
            readers: Readers for further media types: type to `module:function`. The function is
                given the bytes and the `Circumstances` and returns a text. It runs in the reading
                process, under all of its limits.
        """
        self.settings = settings or extraction_settings()
        self._readers = dict(readers or {})
        self._idle: LifoQueue[ReadingProcess] = LifoQueue()
        # The last put is the first taken, so a second process starts only when one is not enough.
        self._all = [
            ReadingProcess(self.settings, self._readers) for _ in range(self.settings.workers)
        ]
        for process in self._all:
            self._idle.put(process)
        self._cache = _Cache(self.settings.cache_bytes)

    @property
    def limits(self) -> tuple[str, ...]:
        """Names of the limits in force in the reading processes; empty before the first file."""
        return next((process.limits for process in self._all if process.limits), ())

    @property
    def peak_memory(self) -> int:
        """The most that one of the reading processes ever held, in bytes; 0 where nobody tells."""
        return max(process.peak_memory for process in self._all)

    @property
    def processes(self) -> int:
        """How many reading processes there are now."""
        return sum(process.pid is not None for process in self._all)

    def extract(self, content: bytes, *, name: str | None, mime_type: str | None) -> Extracted:
        """See `extract_text`."""
        sha256 = hashlib.sha256(content).hexdigest()
        if reason := self._refusal(content, name, mime_type):
            return Extracted(None, truncated=False, reason=reason, sha256=sha256)
        key = (sha256, suffix_of(name), mime_type or "")
        with self._cache.once(key) as found:
            if not found.done():
                found.set_result(self._read(content, sha256, name, mime_type))
        return found.result()

    def close(self) -> None:
        """Ends the processes. Harmless when called twice; a later call starts them anew."""
        for process in self._all:
            process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refusal(self, content: bytes, name: str | None, mime_type: str | None) -> str:
        """Why a file is not read, where that is known without looking into it."""
        if not self.settings.enabled:
            return SWITCHED_OFF
        if not content:
            return EMPTY
        if len(content) > self.settings.max_input_bytes:
            return too_large(len(content), self.settings.max_input_bytes)
        kind = declared_kind(name, mime_type)
        if kind in self.settings.skip_kinds:
            return skipped(KINDS[kind].title)
        return ""

    def _read(
        self, content: bytes, sha256: str, name: str | None, mime_type: str | None
    ) -> Extracted:
        process = self._idle.get()
        try:
            text, truncated, reason = process.read(content, name, mime_type)
        finally:
            self._idle.put(process)
        return Extracted(text, truncated=truncated, reason=reason, sha256=sha256)

    def _forget_processes(self) -> None:
        for process in self._all:
            process.forget()


_Key = tuple[str, str, str]


class _Cache:
    """Recent results by what they were made of; whoever asks for one in the making waits for it."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = Lock()
        self._kept: OrderedDict[_Key, Extracted] = OrderedDict()
        self._in_the_making: dict[_Key, Future[Extracted]] = {}

    @contextmanager
    def once(self, key: _Key) -> Iterator["Future[Extracted]"]:
        """Yields a future that is done, or that the caller has to fulfil."""
        future: Future[Extracted] = Future()
        with self._lock:
            if (known := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                future.set_result(known)
                mine = False
            elif (other := self._in_the_making.get(key)) is not None:
                future = other
                mine = False
            else:
                self._in_the_making[key] = future
                mine = True
        if not mine:
            future.exception()  # waits
            yield future
            return
        try:
            yield future
        except BaseException as error:
            future.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._in_the_making[key]
                if future.exception() is None:
                    self._keep(key, future.result())

    def _keep(self, key: _Key, found: Extracted) -> None:
        if found.reason.startswith(STOPPED):
            return  # that was not the file's fault
        self._kept[key] = found
        self._bytes += _size(found)
        while self._bytes > self._most_bytes:
            _, old = self._kept.popitem(last=False)
            self._bytes -= _size(old)


def _size(found: Extracted) -> int:
    """About how many bytes a result takes in memory."""
    text = found.text or ""
    return 400 + len(text) * (1 if text.isascii() else 4)


_shared: dict[ExtractionSettings, Extractor] = {}
_shared_lock = Lock()


def _close_shared() -> None:
    for extractor in _shared.values():
        extractor.close()


def _forget_shared() -> None:
    """In a forked copy of this process: its reading processes belong to the original."""
    global _shared_lock  # noqa: PLW0603 (another thread may have held it at the fork)
    _shared_lock = Lock()
    for extractor in _shared.values():
        extractor._forget_processes()
    _shared.clear()


atexit.register(_close_shared)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_shared)
