"""Telling for certain that a process is gone, from another process of the same machine.

A process id alone does not do: ids are reused, and two containers both have a process 1. So a mark
names the process table as well (on Linux the boot and the PID namespace, the same in two containers
only if they share it) and the moment the process began.
"""

import os
import platform
import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_ENDED: Final = frozenset("ZX")  # a zombie is dead, it only was not collected yet


def this_process() -> str:
    """The mark of this process."""
    return _mark(os.getpid())


@lru_cache(maxsize=1)
def _mark(pid: int) -> str:
    return f"{_table()} {pid} {_started(pid) or '-'}"


def is_gone(mark: str) -> bool:
    """Whether the process of a mark certainly runs no more. False where that cannot be told."""
    table, pid_text, started = mark.rsplit(" ", 2)
    # On Windows os.kill ends a process instead of asking for it.
    if table != _table() or sys.platform == "win32":
        return False
    pid = int(pid_text)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # somebody else's, and alive
    found = _started(pid)
    return found is not None and found != started


def _table() -> str:
    """What names the process table that process ids of this process belong to."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (_PROC / "self/ns/pid").readlink()
    except OSError:
        return f"{platform.system()}/{platform.node()}"
    return f"{boot}/{namespace}"


def _started(pid: int) -> str | None:
    """When a process began, in ticks since boot; `ended` for a zombie; None if not told.

    The 22nd field of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html. The second one is
    the program's name and may hold anything, so the fields are counted from its end.
    """
    try:
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return "ended" if fields[0] in _ENDED else fields[19]
