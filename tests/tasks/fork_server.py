"""A process that imports everything once and then forks a child for each piece of work.

A child can be killed at any moment, and starting it takes some hundredths of a second. Forking the
tests' own process would do the same but for its threads, whose locks a child would find held.
"""

import importlib
import os
import pickle
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

_SIZE = struct.Struct("!Q")


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        code: Its exit code; negative for a signal, 1 for an exception.
        value: What the function gave, or the text of its traceback.
    """

    code: int
    value: Any = None


class ForkServer:
    """Runs functions in children, one at a time."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def run(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Ended:
        """Calls a function of a module in a child and waits for its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        work = (function.__module__, function.__qualname__, arguments, named)
        _send(self._process.stdin, work)
        ended = _receive(self._process.stdout)
        assert isinstance(ended, Ended)
        return ended


@contextmanager
def running_fork_server(modules: Sequence[str], **variables: str) -> Iterator[ForkServer]:
    """Starts a server that has imported some modules, with variables in its environment."""
    with subprocess.Popen(
        [sys.executable, __file__],
        env={**os.environ, **variables}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        _send(process.stdin, (sys.path, list(modules)))
        yield ForkServer(process)
        process.stdin.close()


def _send(file: IO[bytes], value: Any) -> None:
    data = pickle.dumps(value)
    file.write(_SIZE.pack(len(data)) + data)
    file.flush()


def _receive(file: IO[bytes]) -> Any:
    [size] = _SIZE.unpack(file.read(_SIZE.size))
    return pickle.loads(file.read(size))  # noqa: S301 (our own child)


def _serve() -> None:
    hearing, saying = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the work prints must not be taken for an answer
    path, modules = _receive(hearing)
    sys.path[:] = path
    server = importlib.import_module("fork_server")  # the answers are of this module's class
    for name in modules:
        importlib.import_module(name)
    while True:
        try:
            work = _receive(hearing)
        except struct.error:
            return
        _send(saying, server.Ended(*_in_a_child(*work)))


def _in_a_child(
    module: str, name: str, arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[int, Any]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as file:
                try:
                    function = getattr(importlib.import_module(module), name)
                    pickle.dump(function(*arguments, **named), file)
                    code = 0
                except BaseException:  # noqa: BLE001 (whatever it is, the child must not go on)
                    pickle.dump(traceback.format_exc(), file)
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        data = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code, pickle.loads(data) if data and code >= 0 else None  # noqa: S301


if __name__ == "__main__":
    _serve()
