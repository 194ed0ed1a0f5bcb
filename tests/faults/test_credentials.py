"""What a person gives for a run takes nothing out of what is synced."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from exporters.base import BaseExporter
from exporters.changes import Change, Listed, RawRecord, Upsert
from faults.stages import STAGES
from tasks.batches import EncodedUpsert, encoded
from tasks.session import SyncRequest, SyncSession

pytestmark = pytest.mark.faults


def records(exporter: BaseExporter, selection: Any) -> Iterator[RawRecord]:
    for partition in exporter.partitions(selection):
        if not partition.unreadable:
            yield from _records(exporter.pull(partition, None))


def _records(changes: Iterator[Change]) -> Iterator[RawRecord]:
    for change in changes:
        if isinstance(change, Listed):
            yield from _records(change.load())
        elif isinstance(change, Upsert):
            yield change.record


@pytest.mark.parametrize("source", sorted(STAGES))
def test_payloads_land_as_they_came(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of an administrator is a part of the credentials and of every mail to them."""
    stage = STAGES[source]
    company = stage.company()
    with stage.served(company) as sandbox:
        monkeypatch.setenv("DATA_GETTERS_STORES__DATA_DIRECTORY", str(tmp_path))
        monkeypatch.setenv("DATA_GETTERS_STORES__EMBEDDING_MODEL", "none")
        for name, value in stage.environment(sandbox).items():
            monkeypatch.setenv(name, value)
        SyncSession(SyncRequest(source=source)).close()  # which tells what is secret
        came = list(records(stage.opener(sandbox)(), stage.selection()))
    assert came
    for record in came:
        landed = encoded(Upsert(record), 1)
        assert isinstance(landed, EncodedUpsert)
        assert orjson.loads(landed.payload) == orjson.loads(
            orjson.dumps(record.payload, option=orjson.OPT_NON_STR_KEYS)
        )
