"""Readers that do what a library should not. They run in the reading process, under its limits."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from exporters.extraction.reading import Circumstances


def sleep(content: bytes, about: Circumstances) -> str:
    time.sleep(60)
    return "awake"


def spin(content: bytes, about: Circumstances) -> str:
    while True:
        pass


def endless(content: bytes, about: Circumstances) -> str:
    return "word " * about.max_characters


def hog(content: bytes, about: Circumstances) -> str:
    held = []
    while True:
        held.append(bytearray(16 * 1024 * 1024))


def crash(content: bytes, about: Circumstances) -> str:
    ctypes.string_at(0)
    return "alive"


def print_much(content: bytes, about: Circumstances) -> str:
    os.write(1, b"noise " * 100_000)
    return "printed"


def complain_much(content: bytes, about: Circumstances) -> str:
    for _ in range(100):
        try:
            os.write(2, b"warning " * 10_000)
        except BlockingIOError:
            return "complained"
    return "all was taken"


def environment(content: bytes, about: Circumstances) -> str:
    return json.dumps(
        {"variables": dict(os.environ), "arguments": sys.argv, "here": str(Path.cwd())}
    )


def pid(content: bytes, about: Circumstances) -> str:
    return str(os.getpid())


def _tried(attempt: str, error: Exception | None) -> str:
    return f"{attempt}: {type(error).__name__ if error else 'allowed'}"


def open_files(content: bytes, about: Circumstances) -> str:
    found = []
    for path in json.loads(content):
        try:
            Path(path).read_bytes()
            found.append(_tried(path, None))
        except OSError as error:
            found.append(_tried(path, error))
    return "\n".join(found)


def write(content: bytes, about: Circumstances) -> str:
    try:
        Path(content.decode()).write_text("x")
    except OSError as error:
        return _tried("write", error)
    return _tried("write", None)


def connect(content: bytes, about: Circumstances) -> str:
    try:
        socket.create_connection(("127.0.0.1", int(content)), timeout=1).close()
    except OSError as error:
        return _tried("connect", error)
    return _tried("connect", None)


def datagram(content: bytes, about: Circumstances) -> str:
    """By UDP, as a name server would be asked."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"secret", ("127.0.0.1", int(content)))
    except OSError as error:
        return _tried("datagram", error)
    return _tried("datagram", None)


def fork(content: bytes, about: Circumstances) -> str:
    try:
        if os.fork() == 0:
            os._exit(0)
    except OSError as error:
        return _tried("fork", error)
    return _tried("fork", None)


def spawn(content: bytes, about: Circumstances) -> str:
    try:
        subprocess.run([sys.executable, "-c", ""], check=False, timeout=5)
    except OSError as error:
        return _tried("spawn", error)
    return _tried("spawn", None)


def signal_parent(content: bytes, about: Circumstances) -> str:
    try:
        os.kill(os.getppid(), signal.SIGCONT)
    except OSError as error:
        return _tried("signal", error)
    return _tried("signal", None)


def recurse(content: bytes, about: Circumstances) -> str:
    return recurse(content, about)


def surrogates(content: bytes, about: Circumstances) -> str:
    return "a\ud800b\0c"


def answer_garbage(content: bytes, about: Circumstances) -> str:
    """Writes past the protocol: whoever took the process over could."""
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, b"\xff" * 100)
        except OSError:
            continue
    time.sleep(60)
    return tempfile.gettempdir()


def answer_nonsense(content: bytes, about: Circumstances) -> str:
    """Says by the protocol what makes no sense, for instance `reason: {}` and a text beside it."""
    from exporters.extraction.messages import send  # noqa: PLC0415 (as whoever took it over)

    for descriptor in range(3, 20):
        try:
            with os.fdopen(os.dup(descriptor), "wb") as stream:
                send(stream, json.loads(content), b"\xff\xfe text")
        except (OSError, ValueError):
            continue
    time.sleep(60)
    return ""
