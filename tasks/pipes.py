"""Messages between processes of one run, over pipes: each with its length before it."""

import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import IO, Final

import orjson

from exporters.changes import RawRecord
from tasks.batches import EncodedUpsert

_LENGTH: Final = struct.Struct(">Q")

PackedRecord = tuple[str, str, bytes, str | None, datetime | None, str | None, datetime, str | None]
"""A record in plain values, its payload as JSON."""


def send(pipe: IO[bytes], data: bytes) -> None:
    """Writes one message.

    Raises:
        OSError: The other end is closed.
    """
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """The next message.

    Raises:
        EOFError: The other end is closed.
    """
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


def started(module: str, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Starts a module of ours as a process of its own, with pipes to it and from it."""
    return subprocess.Popen(  # noqa: S603 (a module of ours)
        # Not from the current folder, which may hold other packages of these names.
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={
            **environment,
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),  # noqa: PTH109
        },
    )


def ends_of(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    """The pipe into a process of `started`, and the one out of it."""
    assert process.stdin is not None  # noqa: S101 (pipes were asked for)
    assert process.stdout is not None  # noqa: S101
    return process.stdin, process.stdout


def own_ends() -> tuple[IO[bytes], IO[bytes]]:
    """In a process of `started`: the pipe from whoever started it, and the one to them.

    What a library prints goes to the standard error from now on: it must not get between messages.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sys.stdin.buffer, answers


def packed(item: EncodedUpsert) -> PackedRecord:
    """The record of an upsert in plain values."""
    record = item.record
    return (
        record.entity,
        record.external_id,
        item.payload,
        record.url,
        record.occurred_at,
        record.version,
        record.fetched_at,
        record.parent,
    )


def unpacked(record: PackedRecord, *, whole: bool = True) -> RawRecord:
    """What `packed` packed; with an empty payload where it is not wanted whole."""
    entity, external_id, payload, url, occurred_at, version, fetched_at, parent = record
    return RawRecord(
        entity=entity,
        external_id=external_id,
        payload=orjson.loads(payload) if whole else {},
        url=url,
        occurred_at=occurred_at,
        version=version,
        fetched_at=fetched_at,
        parent=parent,
    )
