"""A reading process from its parent's side: started fresh, watched, stopped where it must be."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock, Timer
from typing import Any, Final

from documents.errors import ConfigurationError
from exporters.extraction.errors import CRASHED, GAVE_UP, STOPPED, TOO_MUCH_MEMORY, too_slow
from exporters.extraction.messages import GarbledError, receive, send
from exporters.extraction.settings import ExtractionSettings

_log = logging.getLogger(__name__)

_BOOT: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; from exporters.extraction.child import main; main()"
)
"""Python is started isolated (-I: no PYTHON* variables, no user's site, no working directory), so
it is told where its modules lie."""

_PASSED_ON: Final = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What Windows needs to start Python at all, and what an interpreter outside the usual places
needs to find its own libraries. Nothing else of the environment is handed on."""

_START_SECONDS: Final = 60
_ENDING_SECONDS: Final = 1
_GARBLED: Final = 1
_BYTES_PER_CHARACTER: Final = 4
_LONGEST_NAME: Final = 1_000
_LONGEST_REASON: Final = 1_000
_COMPLAINT_BYTES: Final = 64 * 1024
_GIVING_UP: Final = {
    getattr(signal, name) for name in ("SIGABRT", "SIGILL", "SIGTRAP") if hasattr(signal, name)
}
"""How C++ ends itself, most often where it gets no memory."""
_OUT_OF_MEMORY: Final = (
    b"MemoryError",
    b"memory allocation of",
    b"bad_alloc",
    b"out of memory",
    b"Out of memory",
    b"Cannot allocate memory",
    b"can't allocate",
)
"""How Python, Rust, C++ and the C library say it before they give up."""


_NOT_BEGUN: Final = STOPPED + " It had not begun."
"""The reason where the process ended before it took the file."""


class ReadingProcess:
    """One process and the pipes to it. Used by one thread at a time.

    Attributes:
        limits: Names of the limits that are in force in it.
        files: How many it has read.
        peak_memory: The most that it or one before it ever held, in bytes, as it said.
    """

    def __init__(self, settings: ExtractionSettings, readers: Mapping[str, str]) -> None:
        self._settings = settings
        self._readers = readers
        self._process: subprocess.Popen[bytes] | None = None
        self.limits: tuple[str, ...] = ()
        self.files = 0
        self.peak_memory = 0

    @property
    def pid(self) -> int | None:
        """The process's id; None where none runs."""
        return self._process.pid if self._process else None

    def read(
        self, content: bytes, name: str | None, media_type: str | None
    ) -> tuple[str | None, bool, str]:
        """Reads one file. A process that does not survive it is replaced for the next one.

        Returns:
            The text, whether it was cut, and why there is none.

        Raises:
            ConfigurationError: No process can be started here.
        """
        about = {
            "name": name[-_LONGEST_NAME:] if name else None,
            "media_type": media_type[:_LONGEST_NAME] if media_type else None,
        }
        answer = self._ask(about, content)
        if answer == _NOT_BEGUN:
            # It ended while it waited for work: that is nothing of the file's.
            answer = self._ask(about, content)
        if isinstance(answer, str):
            return None, False, answer
        told, text = answer
        peak_memory = told.get("peak_memory")
        if isinstance(peak_memory, int):
            self.peak_memory = max(self.peak_memory, peak_memory)
        self.files += 1
        if told.get("is_last") or self.files >= self._settings.files_per_process:
            self.stop()
        # What a process says that a file may have taken over is not believed further than this.
        if reason := str(told.get("reason") or "")[:_LONGEST_REASON]:
            return None, False, reason
        return text.decode("utf-8", errors="replace"), bool(told.get("truncated")), ""

    def _ask(self, about: Mapping[str, Any], content: bytes) -> tuple[dict[str, Any], bytes] | str:
        """The process's answer, or why there is none."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        process = self._running()
        watch = _Watch(process, self._settings.seconds)
        longest = self._settings.max_characters * _BYTES_PER_CHARACTER
        begun = answer = None
        try:
            send(_pipe(process.stdin), about, content)
            begun = receive(_pipe(process.stdout), 0)
            answer = receive(_pipe(process.stdout), longest) if begun else None
        except (OSError, GarbledError):
            answer = None
        finally:
            watch.stop()
        if answer is not None:
            return answer
        reason = self._why_it_ended(watch)
        return reason if begun or watch.rang else _NOT_BEGUN

    def stop(self) -> None:
        """Ends the process. Harmless when there is none."""
        process, self._process = self._process, None
        self.files = 0
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    _close(pipe)

    def forget(self) -> None:
        """Lets go of the pipes in a forked copy of the parent, where the process is not ours."""
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    _close(pipe)
            process.returncode = 0  # nobody waits for it here

    def _start(self) -> None:
        self.stop()
        try:
            process = subprocess.Popen(  # noqa: S603 (our own interpreter)
                [sys.executable, "-I", "-c", _BOOT, *_module_path()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if os.name == "posix" else subprocess.DEVNULL,
                env=_environment(),
                cwd=Path(sys.executable).anchor or None,
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            raise _no_start(str(error)) from error
        self._process = process
        if process.stderr is not None:
            os.set_blocking(process.stderr.fileno(), False)
        watch = _Watch(process, _START_SECONDS)
        try:
            send(_pipe(process.stdin), self._terms(), b"")
            answer = receive(_pipe(process.stdout), 0)
        except (OSError, GarbledError):
            answer = None
        finally:
            watch.stop()
        if answer is None:
            complaint = self._complaint().decode("utf-8", errors="replace").strip()
            self.stop()
            raise _no_start(complaint.rpartition("\n")[2] or "it ended at once")
        self.limits = tuple(answer[0]["limits"])
        _log.debug("Reading process %d began, held by %s.", process.pid, ", ".join(self.limits))

    def _terms(self) -> dict[str, Any]:
        settings = self._settings
        homes = [str(Path(folder)) for folder in _module_path() if self._readers and folder]
        return {
            "seconds": settings.seconds,
            "memory_bytes": settings.memory_bytes,
            "max_characters": settings.max_characters,
            "max_unpacked_bytes": settings.max_unpacked_bytes,
            "max_entries": settings.max_entries,
            "max_depth": settings.max_depth,
            "skip_kinds": list(settings.skip_kinds),
            "readers": dict(self._readers),
            "readable": homes,
        }

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None  # noqa: S101 (started by the caller)
        return self._process

    def _why_it_ended(self, watch: "_Watch") -> str:
        process = self._running()
        try:
            code = process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:  # it lives on: what it sent was no answer
            process.kill()
            process.wait()
            code = _GARBLED
        complaint = self._complaint()
        self.stop()
        if watch.rang or (os.name == "posix" and -code in {signal.SIGXCPU, signal.SIGALRM}):
            return too_slow(self._settings.seconds)
        if any(said in complaint for said in _OUT_OF_MEMORY):
            return TOO_MUCH_MEMORY
        if os.name != "posix":
            return CRASHED
        if -code == signal.SIGKILL:
            return STOPPED
        return GAVE_UP if -code in _GIVING_UP else CRASHED

    def _complaint(self) -> bytes:
        """What the process wrote to its standard error before it ended."""
        process = self._running()
        if process.stderr is None:
            return b""
        try:
            return os.read(process.stderr.fileno(), _COMPLAINT_BYTES)
        except OSError:
            return b""


class _Watch:
    """Kills a process when its time is up.

    Attributes:
        rang: Whether it did.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", seconds: float) -> None:
        self.rang = False
        self._process = process
        self._lock = Lock()
        self._stopped = False
        self._timer = Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """The process was in time."""
        with self._lock:
            self._stopped = True
        self._timer.cancel()

    def _ring(self) -> None:
        with self._lock:
            if not self._stopped:
                self.rang = True
                self._process.kill()


def _module_path() -> Sequence[str]:
    """Where the child finds modules: this project first, then where its parent looks."""
    ours = str(Path(__file__).parents[2])
    return [ours, *(entry for entry in sys.path if entry and entry != ours)]


def _environment() -> dict[str, str]:
    """All that the child sees of the environment."""
    # Each thread's own arena would take 64 MiB of the address space for nothing.
    own = {"MALLOC_ARENA_MAX": "1"}
    return own | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def _no_start(detail: str) -> ConfigurationError:
    return ConfigurationError(
        f"The process that reads attachments does not start: {detail}.",
        hint="Set DATA_GETTERS_ATTACHMENTS__ENABLED=false to sync without their text.",
    )


def _pipe(pipe: Any) -> Any:
    assert pipe is not None  # noqa: S101 (all three are pipes)
    return pipe


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:
        return  # what was still to be sent has nobody to go to
