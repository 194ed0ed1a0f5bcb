"""A process that syncs whenever it is told to, and says what it takes: `Worker`.

It lives as long as a worker of Prefect does, so that what it leaks would show. The company and its
sandbox are elsewhere, in the process of the test.
"""

import gc
import importlib
import os
import pickle
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_SIZE = struct.Struct("!Q")
_PARTITIONS_AT_ONCE = 4


@dataclass(frozen=True)
class Synced:
    """What became of a sync.

    Attributes:
        failed: Why partitions stopped, a sentence each.
        held_back: How many deletes were held back.
        set_aside: How many items failed.
        files: How many files and sockets the process has open, between two syncs.
        memory: How many bytes of it are in memory.
    """

    failed: tuple[str, ...]
    held_back: int
    set_aside: int
    files: int
    memory: int

    @property
    def clean(self) -> bool:
        """Whether all of it went through."""
        return not (self.failed or self.held_back or self.set_aside)


class Worker:
    """The process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._send(sys.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def sync(self, opener: Any, stage: str, folder: Path) -> Synced:
        """One sync, to its end."""
        self._send((opener, stage, folder))
        [size] = _SIZE.unpack(self._out.read(_SIZE.size))
        synced: Synced = pickle.loads(self._out.read(size))  # noqa: S301 (our own child)
        return synced

    def _send(self, value: Any) -> None:
        data = pickle.dumps(value)
        self._in.write(_SIZE.pack(len(data)) + data)
        self._in.flush()


def synced(opener: Any, stage_name: str, folder: Path) -> Synced:
    """Syncs a source once, several partitions at a time, as a flow does."""
    from scripted_source import MODEL  # noqa: PLC0415
    from watched_stores import settings_in  # noqa: PLC0415

    from documents.errors import DataGettersError  # noqa: PLC0415
    from exporters.base import Partition  # noqa: PLC0415 (once the path is known)
    from faults.rehearsals import OPTIONS  # noqa: PLC0415
    from faults.stages import STAGES  # noqa: PLC0415
    from tasks.context import SyncContext  # noqa: PLC0415
    from tasks.partition_errors import PartitionFailedError  # noqa: PLC0415
    from tasks.pipeline import sync_partition  # noqa: PLC0415
    from tasks.results import PartitionResult  # noqa: PLC0415
    from tasks.stores import open_stores  # noqa: PLC0415

    stage = STAGES[stage_name]
    failed: list[str] = []
    results: list[PartitionResult] = []
    exporter, stores = opener(), open_stores(settings_in(folder))
    try:
        name = exporter.connection
        context = SyncContext(
            exporter=exporter,
            connection=name,
            connection_id=stores.ledger.connection_id(exporter.source, name, name),
            stores=stores,
            options=OPTIONS,
            run_id=f"run-{os.getpid()}",
            store_name=stage.store_name,
            custom=stage.custom,
        )

        def sync(partition: Partition) -> None:
            try:
                results.append(sync_partition(context, partition))
            except PartitionFailedError as error:
                failed.append(error.sentence())

        with (
            stores.ledger.lease(f"sync:{name}", run_id=context.run_id) as lease,
            ThreadPoolExecutor(_PARTITIONS_AT_ONCE) as threads,
        ):
            context = replace(context, lease=lease)
            partitions = list(exporter.partitions(stage.selection()))
            list(threads.map(sync, [p for p in partitions if not p.unreadable]))
            failed += [p.unreadable for p in partitions if p.unreadable]
        stores.maintain()
    except DataGettersError as error:
        failed.append(error.sentence())
    finally:
        stores.close()
        exporter.close()
    MODEL.reset()
    gc.collect()
    return Synced(
        failed=tuple(failed),
        held_back=sum(result.held_back for result in results),
        set_aside=sum(result.counts.failed for result in results),
        files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 (with its own, each time)
        memory=_memory(),
    )


def _memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _serve() -> None:
    hearing, saying = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    [size] = _SIZE.unpack(hearing.read(_SIZE.size))
    sys.path[:] = pickle.loads(hearing.read(size))  # noqa: S301 (our own parent)
    here = importlib.import_module("faults.soak_worker")  # the answers are of this module's class
    while head := hearing.read(_SIZE.size):
        work = pickle.loads(hearing.read(_SIZE.unpack(head)[0]))  # noqa: S301
        data = pickle.dumps(here.synced(*work))
        saying.write(_SIZE.pack(len(data)) + data)
        saying.flush()


if __name__ == "__main__":
    _serve()
