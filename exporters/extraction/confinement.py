"""What a reading process takes from itself before it sees a file.

| what | Linux | macOS | Windows |
| --- | --- | --- | --- |
| address space | RLIMIT_AS | not kept by the system | - |
| processor time | RLIMIT_CPU | RLIMIT_CPU | - |
| size of written files: 0 | RLIMIT_FSIZE | RLIMIT_FSIZE | - |
| core dumps, open files | RLIMIT_CORE, RLIMIT_NOFILE | the same | - |
| new processes | seccomp | RLIMIT_NPROC | - |
| network, other processes' memory | seccomp | - | - |
| reading files besides Python's own | Landlock (5.13) | - | - |

The time on the clock, the size of what goes in and comes out, and the empty environment are the
parent's matter and hold everywhere. The numbers of system calls and the structures are those of
the kernel's `seccomp(2)`, `landlock(7)` and its tables of system calls.

Nothing here helps against a flaw of the kernel itself.
"""

import ctypes
import os
import platform
import re
import signal
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

_OPEN_FILES: Final = 128

# --- limits that POSIX knows ---------------------------------------------------------------------


def limit_resources(memory_bytes: int) -> list[str]:
    """Sets the limits of the process for good; returns the names of those that are in force."""
    try:
        import resource  # noqa: PLC0415 (POSIX only)
    except ImportError:
        return []
    wanted = {
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": _OPEN_FILES,
    }
    if sys.platform == "darwin":
        wanted["RLIMIT_NPROC"] = 0  # on Linux it counts threads too, and seccomp does it better
    kept = []
    for name, value in wanted.items():
        number = getattr(resource, name, None)
        if number is None:
            continue
        _, hard = resource.getrlimit(number)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (most, most))
        except (OSError, ValueError):
            continue  # macOS refuses RLIMIT_AS
        kept.append(name)
    return kept


def allow_seconds(seconds: float) -> None:
    """Gives the process so many more seconds of processor time, and of the clock as a last resort.

    The parent stops a process that takes too long; the alarm is for one whose parent is gone.
    """
    try:
        import resource  # noqa: PLC0415 (POSIX only)
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )
    signal.alarm(int(seconds) + 5)


def stop_the_alarm() -> None:
    """The file is read: a process that waits for the next one may wait as long as it likes."""
    if hasattr(signal, "alarm"):
        signal.alarm(0)


def memory_meter() -> Callable[[], int]:
    """A function that tells the most memory the process ever held, in bytes; 0 for unknown.

    Must be made before files are taken away. On Linux `getrusage` would not do: it counts what the
    parent held at the moment of the start.
    """
    try:
        import resource  # noqa: PLC0415 (POSIX only)
    except ImportError:
        return lambda: 0
    if sys.platform != "linux":
        return lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
    return lambda: _peak_in(os.pread(status, 8_192, 0))


def _peak_in(status: bytes) -> int:
    found = re.search(rb"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


# --- seccomp -------------------------------------------------------------------------------------

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2

_ALLOW: Final = 0x7FFF0000
_EPERM: Final = 0x00050000 | 1
_ENOSYS: Final = 0x00050000 | 38

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL: Final = 0x15
_JUMP_AT_LEAST: Final = 0x35
_JUMP_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

_NUMBER: Final = 0  # offsets into struct seccomp_data
_ARCHITECTURE: Final = 4
_ARGUMENTS: Final = 16

_CLONE_THREAD: Final = 0x00010000
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_X86_64: Final = (
    0xC000003E,
    (
        # fork vfork execve ptrace kill tkill socket connect bind listen creat truncate
        *(57, 58, 59, 101, 62, 200, 41, 42, 49, 50, 85, 76),
        # rename mkdir rmdir link unlink symlink chmod chown lchown mknod
        *(82, 83, 84, 86, 87, 88, 90, 92, 94, 133),
        # mount unshare setns keyctl add_key bpf perf_event_open execveat process_vm_readv/_writev
        *(165, 272, 308, 250, 248, 321, 298, 322, 310, 311),
        # mkdirat mknodat fchownat unlinkat renameat linkat symlinkat fchmodat renameat2 utimensat
        *(258, 259, 260, 263, 264, 265, 266, 268, 316, 280),
    ),
    {"open": (2, 1), "openat": (257, 2), "clone": (56, 0)},
)
_AARCH64: Final = (
    0xC00000B7,
    (
        # execve ptrace kill tkill socket connect bind listen truncate
        *(221, 117, 129, 130, 198, 203, 200, 201, 45),
        # mount unshare setns keyctl add_key bpf perf_event_open execveat process_vm_readv/_writev
        *(40, 97, 268, 219, 217, 280, 241, 281, 270, 271),
        # mkdirat mknodat fchownat unlinkat renameat linkat symlinkat fchmodat renameat2 utimensat
        *(34, 33, 54, 35, 38, 37, 36, 53, 276, 88),
    ),
    {"openat": (56, 2), "clone": (220, 0)},
)
_ON_ALL: Final = (
    # io_uring_setup (calls that no filter sees), pidfd_open, process_madvise, fchmodat2
    (425, 434, 440, 452),
    # clone3 and openat2 hand their flags over in memory, where a filter cannot look: the caller
    # falls back to clone and openat.
    (435, 437),
)


def deny_system_calls() -> bool:
    """Takes network, new processes, other processes and writable files away (Linux, seccomp).

    Threads stay possible, and so do pairs of sockets, which lead nowhere: the runtime of a library
    wakes its threads by them. Must be called before there are threads.

    Returns:
        Whether the filter is in force.
    """
    tables = {"x86_64": _X86_64, "aarch64": _AARCH64}
    table = tables.get(platform.machine())
    if sys.platform != "linux" or table is None or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    program = b"".join(_filter(*table))
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    pointer = Program(len(program) // 8, ctypes.cast(code, ctypes.c_void_p))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    no = ctypes.c_ulong(0)
    return bool(
        prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), no, no, no) == 0
        and prctl(
            _PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(pointer), no, no
        )
        == 0
    )


def _filter(
    architecture: int, denied: tuple[int, ...], looked_into: dict[str, tuple[int, int]]
) -> Iterable[bytes]:
    """The instructions: each test stands alone and ends in an answer, so no jump is far."""
    never, unknown = _ON_ALL
    yield _instruction(_LOAD, _ARCHITECTURE)
    yield _instruction(_JUMP_EQUAL, architecture, on_true=1)
    yield _instruction(_RETURN, _EPERM)
    yield _instruction(_LOAD, _NUMBER)
    yield _instruction(_JUMP_AT_LEAST, 0x40000000, on_false=1)  # the x32 calls of x86_64
    yield _instruction(_RETURN, _EPERM)
    for numbers, answer in ((denied + never, _EPERM), (unknown, _ENOSYS)):
        for number in numbers:
            yield _instruction(_JUMP_EQUAL, number, on_false=1)
            yield _instruction(_RETURN, answer)
    for name, (number, argument) in looked_into.items():
        yield _instruction(_JUMP_EQUAL, number, on_false=4)
        yield _instruction(_LOAD, _ARGUMENTS + 8 * argument)
        if name == "clone":  # only with the flag
            yield _instruction(_JUMP_ANY_BIT, _CLONE_THREAD, on_true=1)
        else:  # only without the flags
            yield _instruction(_JUMP_ANY_BIT, _WRITES, on_false=1)
        yield _instruction(_RETURN, _EPERM)
        yield _instruction(_RETURN, _ALLOW)
    yield _instruction(_RETURN, _ALLOW)


def _instruction(code: int, value: int, *, on_true: int = 0, on_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, on_true, on_false, value)


# --- Landlock ------------------------------------------------------------------------------------

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION_FLAG: Final = 1
_RULE_PATH_BENEATH: Final = 1
_READ_FILE: Final = 1 << 2
_READ_DIRECTORY: Final = 1 << 3
_FILE_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
_ALL_FILE_RIGHTS: Final = (1 << 16) - 1
_TCP: Final = 0b11
_SCOPES: Final = 0b11

_SYSTEM_PATHS: Final = (
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/urandom",
)


def deny_files(readable: Iterable[str]) -> bool:
    """Takes every file away but those below some folders, and those only to be read (Landlock).

    Args:
        readable: Folders and files, besides those of the system's libraries.

    Returns:
        Whether the kernel does it.
    """
    if sys.platform != "linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    version = call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG))
    if version < 1:
        return False
    attributes = struct.pack("<Q", _FILE_RIGHTS.get(version, _ALL_FILE_RIGHTS))
    attributes += struct.pack("<Q", _TCP) if version >= 4 else b""
    attributes += struct.pack("<Q", _SCOPES) if version >= 6 else b""
    rules = call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if rules < 0:
        return False
    try:
        for path in (*_SYSTEM_PATHS, *readable):
            _allow_reading(call, rules, path)
        libc = ctypes.CDLL(None, use_errno=True)
        no = ctypes.c_ulong(0)
        return bool(
            libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), no, no, no) == 0
            and call(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint(0)) == 0
        )
    finally:
        os.close(rules)


def _allow_reading(call: "ctypes._NamedFuncPointer", rules: int, path: str) -> None:
    place = Path(path)
    if not place.exists():
        return
    rights = _READ_FILE | _READ_DIRECTORY if place.is_dir() else _READ_FILE
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("<Qi", rights, handle)
        call(
            _ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint(0)
        )
    finally:
        os.close(handle)
