"""Real stores that tell of every step, so that a test can count, fail, wait or kill there.

The steps are `raw.append`, `index.write`, `vectors.write`, `ledger.commit` ... before each, and the
same with `done` after it (`raw.append done`).
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any, cast

from langchain_core.documents import Document

from documents.chunks import ChunkedDocument
from stores.base import DocumentIndex, VectorStore
from stores.base import WriteFailure as Refused
from stores.ledger.leases import Lease
from stores.ledger.ledger import Ledger
from stores.ledger.types import LedgerBatch
from stores.raw.store import RawStore
from stores.raw.types import Landing, RawRow
from stores.settings import StoreSettings, load_store_settings
from tasks.stores import Stores, open_stores
from tasks.versions import NOTHING

LAYOUTS: Mapping[str, Mapping[str, str]] = {
    "one file": {},
    "three files": {"document_index": "index.db", "vector_store": "vectors.db", "ledger": "l.db"},
}
"""Where the embedded stores lie: together, so that a batch is one transaction, or apart."""


class Watch:
    """Is told of every step.

    Attributes:
        counts: How often each was taken.
        ids: Document ids handed to the stores, by step.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.ids: dict[str, list[str]] = {}
        self._actions: dict[str, tuple[int | None, Callable[[], object]]] = {}
        self._lock = Lock()

    def at(self, step: str, action: Callable[[], object], *, time: int | None = None) -> None:
        """Has something done at a step: the n-th time it is taken, or each time."""
        self._actions[step] = (time, action)

    def raises(self, step: str, error: BaseException, *, time: int | None = None) -> None:
        """Has a step fail."""

        def fail() -> None:
            raise error

        self.at(step, fail, time=time)

    def kills(self, step: str, time: int) -> None:
        """Has the process killed at a step."""
        self.at(step, lambda: os.kill(os.getpid(), signal.SIGKILL), time=time)

    def forget(self) -> None:
        """Does nothing more and counts anew."""
        self.counts.clear()
        self.ids.clear()
        self._actions.clear()

    def __call__(self, step: str, ids: Collection[str] = ()) -> None:
        with self._lock:
            self.counts[step] += 1
            number = self.counts[step]
            self.ids.setdefault(step, []).extend(ids)
        time, action = self._actions.get(step, (0, None))
        if action is not None and time in {None, number}:
            action()

    @property
    def written(self) -> int:
        """How many documents were handed to the stores, in whatever way."""
        return sum(
            len(ids) for step, ids in self.ids.items() if step.startswith(("index.", "vectors."))
        )


class WatchedIndex:
    """A document index that is watched; `refuses` are ids that it does not take.

    What is not watched goes to the real one, whatever the contract comes to ask for.
    """

    def __init__(self, inner: DocumentIndex, watch: Watch) -> None:
        self.inner = inner
        self.watch = watch
        self.refuses: set[str] = set()

    def write(self, documents: Sequence[Document]) -> list[Refused]:
        self.watch("index.write", [document.id or "" for document in documents])
        refused = [Refused(d.id or "", "too odd") for d in documents if d.id in self.refuses]
        found = self.inner.write([d for d in documents if d.id not in self.refuses])
        self.watch("index.write done")
        return refused + found

    def update_access(self, access: Mapping[str, Sequence[str]]) -> list[Refused]:
        self.watch("index.access", list(access))
        refused = [Refused(identifier, "too odd") for identifier in self.refuses & set(access)]
        taken = {name: listed for name, listed in access.items() if name not in self.refuses}
        found = self.inner.update_access(taken)
        self.watch("index.access done")
        return refused + found

    def delete(self, document_ids: Sequence[str]) -> None:
        self.watch("index.delete", document_ids)
        self.inner.delete(document_ids)
        self.watch("index.delete done")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class WatchedVectors:
    """A vector store that is watched."""

    def __init__(self, inner: VectorStore, watch: Watch) -> None:
        self.inner = inner
        self.watch = watch

    def write(self, documents: Sequence[ChunkedDocument]) -> list[Refused]:
        self.watch("vectors.write", [item.document.id or "" for item in documents])
        found = self.inner.write(documents)
        self.watch("vectors.write done")
        return found

    def update_metadata(self, documents: Sequence[Document]) -> list[Refused]:
        self.watch("vectors.metadata", [document.id or "" for document in documents])
        return self.inner.update_metadata(documents)

    def update_access(self, access: Mapping[str, Sequence[str]]) -> list[Refused]:
        self.watch("vectors.access", list(access))
        return self.inner.update_access(access)

    def delete(self, document_ids: Sequence[str]) -> None:
        self.watch("vectors.delete", document_ids)
        self.inner.delete(document_ids)
        self.watch("vectors.delete done")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class WatchedLedger(Ledger):
    """A ledger that is watched."""

    watch: Watch

    def commit(self, batch: LedgerBatch, *, lease: Lease | None = None) -> None:
        announced = bool(batch.records) and all(r.payload_hash == NOTHING for r in batch.records)
        step = "ledger.announce" if announced and not batch.raw_files else "ledger.commit"
        self.watch(step)
        super().commit(batch, lease=lease)
        self.watch(f"{step} done")


class WatchedRaw(RawStore):
    """A raw landing that is watched."""

    watch: Watch

    def append(self, rows: Sequence[RawRow], *, run_id: str, day: date | None = None) -> Landing:
        self.watch("raw.append")
        landing = super().append(rows, run_id=run_id, day=day)
        self.watch("raw.append done")
        return landing


def settings_in(folder: Path, layout: str = "one file", **fields: Any) -> StoreSettings:
    """Settings of stores in a folder, with the counting model."""
    places = {name: str(folder / file) for name, file in LAYOUTS[layout].items()}
    model = {"embedding_model": "python:scripted_source:MODEL"}
    return load_store_settings(data_directory=folder, **{**model, **places, **fields})


def watched(settings: StoreSettings, watch: Watch) -> Stores:
    """Opens the stores of the settings, watched."""
    stores = open_stores(settings)
    ledger = WatchedLedger.open(settings.ledger or settings.embedded_file)
    raw = WatchedRaw.open(settings.raw_url)
    ledger.watch = raw.watch = watch
    return replace(
        stores,
        index=cast("DocumentIndex", WatchedIndex(stores.index, watch)),
        vectors=(
            None
            if stores.vectors is None
            else cast("VectorStore", WatchedVectors(stores.vectors, watch))
        ),
        ledger=ledger,
        raw=raw,
    )
