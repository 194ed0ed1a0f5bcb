"""Processes that are forked from the tests, and talk with them by lines.

Forked, because importing everything anew would take longer than the test. A child uses nothing of
its parent's but opens its own ledger.
"""

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


class Parent:
    """The parent, as the child sees it."""

    def __init__(self, hearing: TextIO, saying: TextIO) -> None:
        self._hearing = hearing
        self._saying = saying

    def tell(self, line: object) -> None:
        """Says a line."""
        self._saying.write(f"{line}\n")
        self._saying.flush()

    def wait(self) -> None:
        """Waits until the parent says something."""
        self._hearing.readline()


class Child:
    """A running child."""

    def __init__(self, pid: int, hearing: TextIO, saying: TextIO) -> None:
        self.pid = pid
        self._hearing = hearing
        self._saying = saying

    def said(self) -> str:
        """The next line that it says, empty when it has ended."""
        return self._hearing.readline().strip()

    def rest(self) -> list[str]:
        """Everything that it says until it ends."""
        return self._hearing.read().split()

    def go(self) -> None:
        """Lets it go on."""
        self._saying.write("go\n")
        self._saying.flush()

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        os.kill(self.pid, number)

    def ended(self) -> int:
        """Waits for its end: the exit code, negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def child(work: Callable[[Parent], None]) -> Iterator[Child]:
    """Runs `work` in a child, which is killed at the end of the block."""
    from_parent, to_child = os.pipe()
    from_child, to_parent = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(to_child)
            os.close(from_child)
            with os.fdopen(from_parent) as hearing, os.fdopen(to_parent, "w") as saying:
                work(Parent(hearing, saying))
            code = 0
        except BaseException:  # noqa: BLE001 (whatever it is, the child must not go on)
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(from_parent)
    os.close(to_parent)
    with os.fdopen(from_child) as hearing, os.fdopen(to_child, "w") as saying:
        try:
            yield Child(pid, hearing, saying)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
