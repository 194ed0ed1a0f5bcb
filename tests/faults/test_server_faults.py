"""A server that holds the documents fails in the middle of a sync; once it is well, all is there.

The embedded stores have the same in `tests/tasks/test_store_faults.py`.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from contract_kill_and_resume import Rehearsal

pytest.importorskip("elasticsearch", reason="the Elasticsearch client is not installed")

from elasticsearch import Elasticsearch
from fault_proxy import Answer, Cut, FaultProxy, Request
from watched_stores import Watch

from faults.rehearsals import differences, on_a_server, rehearsal_of
from faults.stages import STAGES
from stores.errors import StoreError, StoreFullError, StoreReadOnlyError, StoreUnavailableError
from tasks.partition_errors import PartitionFailedError

pytestmark = [
    pytest.mark.faults,
    pytest.mark.full,
    pytest.mark.xdist_group("elasticsearch"),
]

Pass = Callable[[Request], Answer]

FLOOD = {
    "type": "cluster_block_exception",
    "reason": "index [documents] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage "
    "watermark, index has read-only-allow-delete block];",
}
BUSY = {"type": "es_rejected_execution_exception", "reason": "rejected execution"}
ODD = {"type": "document_parsing_exception", "reason": "failed to parse field [title]"}


def away(request: Request, forward: Pass) -> Answer | None:
    raise Cut


def slow(request: Request, forward: Pass) -> Answer | None:
    time.sleep(0.2)
    return None


def refusing(
    request: Request, forward: Pass, which: Callable[[int, str], bool], status: int, why: Any
) -> Answer | None:
    """Takes a bulk but for some of its items."""
    kept = [n for n, name in enumerate(request.ids) if not which(n, name)]
    if len(kept) == len(request.ids):
        return None
    items = iter(forward(request.only(kept)).json()["items"] if kept else [])
    refused = [
        {
            next(iter(json.loads(action[0]))): {
                "_index": "documents", "_id": name, "status": status, "error": why
            }
        }
        for action, name in zip(request.actions, request.ids, strict=True)
    ]  # fmt: skip
    merged = [next(items) if n in kept else refused[n] for n in range(len(refused))]
    return Answer(200, json.dumps({"took": 1, "errors": True, "items": merged}).encode())


@pytest.fixture(scope="module")
def proxy(elasticsearch_url: str) -> Iterator[FaultProxy]:
    with FaultProxy(elasticsearch_url) as proxy:
        yield proxy


@pytest.fixture
def rehearsal(proxy: FaultProxy, elasticsearch_prefix: str) -> Iterator[Rehearsal]:
    opened = partial(on_a_server, proxy.url, elasticsearch_prefix, patience=2)
    with rehearsal_of(STAGES["slack"], opened, phases=1, in_folder=False) as rehearsal:
        yield rehearsal
    proxy.fault = None


@pytest.fixture
def undisturbed(rehearsal: Rehearsal, tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "calm"
    folder.mkdir()
    rehearsal.run(folder, 0, Watch())
    return rehearsal.state(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "troubled"
    folder.mkdir()
    return folder


def armed(proxy: FaultProxy, fault: Any) -> Watch:
    """Has the server fail from the second batch on."""
    watch = Watch()
    watch.at("raw.append done", lambda: setattr(proxy, "fault", fault), time=2)
    return watch


def same(rehearsal: Rehearsal, folder: Path, undisturbed: dict[str, Any]) -> None:
    found = differences(rehearsal.state(folder), undisturbed)
    assert not found, "\n".join(found[:20])


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (away, StoreUnavailableError),
        (
            lambda r, f: (
                Answer(403, json.dumps({"error": FLOOD, "status": 403}).encode())
                if r.is_bulk
                else None
            ),
            StoreFullError,
        ),
        (
            lambda r, f: refusing(r, f, lambda n, _: True, 429, FLOOD) if r.is_bulk else None,
            StoreFullError,
        ),
    ],
    ids=["away", "full", "full by item"],
)
def test_a_server_that_takes_nothing_stops_the_run_and_the_next_one_goes_on(
    proxy: FaultProxy, rehearsal: Rehearsal, undisturbed: dict[str, Any], folder: Path,
    *, fault: Any, error: type[StoreError],
) -> None:  # fmt: skip
    with pytest.raises(PartitionFailedError) as stopped:
        rehearsal.run(folder, 0, armed(proxy, fault))
    assert isinstance(stopped.value.__cause__, error), stopped.value.sentence()
    assert "\n" not in stopped.value.sentence()
    proxy.fault = None
    rehearsal.run(folder, 0, Watch())
    same(rehearsal, folder, undisturbed)


def test_a_server_that_became_read_only_stops_the_run_and_the_next_one_goes_on(
    proxy: FaultProxy, rehearsal: Rehearsal, undisturbed: dict[str, Any], folder: Path,
    *, elasticsearch_client: Elasticsearch, elasticsearch_prefix: str,
) -> None:  # fmt: skip
    def block(value: bool | None) -> None:
        indices = elasticsearch_client.indices
        settings = {"index.blocks.write": value}
        indices.put_settings(index=f"{elasticsearch_prefix}*", settings=settings)

    watch = Watch()
    watch.at("raw.append done", lambda: block(True), time=2)
    with pytest.raises(PartitionFailedError) as stopped:
        rehearsal.run(folder, 0, watch)
    assert isinstance(stopped.value.__cause__, StoreReadOnlyError), stopped.value.sentence()
    block(None)
    rehearsal.run(folder, 0, Watch())
    same(rehearsal, folder, undisturbed)


@pytest.mark.parametrize("fault", ["slow", "half of each bulk at first"])
def test_a_server_that_has_trouble_is_waited_for(
    proxy: FaultProxy, rehearsal: Rehearsal, undisturbed: dict[str, Any], folder: Path,
    *, fault: str,
) -> None:  # fmt: skip
    refused: set[str] = set()

    def half(request: Request, forward: Pass) -> Answer | None:
        def at_first(number: int, name: str) -> bool:
            return number % 2 == 0 and name not in refused

        if not request.is_bulk:
            return None
        fresh = {name for n, name in enumerate(request.ids) if at_first(n, name)}
        answer = refusing(request, forward, at_first, 429, BUSY)
        refused.update(fresh)
        return answer

    rehearsal.run(folder, 0, armed(proxy, slow if fault == "slow" else half))
    assert fault == "slow" or refused
    proxy.fault = None
    same(rehearsal, folder, undisturbed)


@pytest.mark.parametrize("share", ["one document", "half of a bulk"])
def test_documents_that_are_refused_are_set_aside_and_made_up_for(
    proxy: FaultProxy, rehearsal: Rehearsal, undisturbed: dict[str, Any], folder: Path,
    *, share: str,
) -> None:  # fmt: skip
    chosen = sorted(undisturbed["documents"])
    odd = set(chosen[:1] if share == "one document" else chosen[::2])

    def fault(request: Request, forward: Pass) -> Answer | None:
        return (
            refusing(request, forward, lambda _, name: name in odd, 400, ODD)
            if (request.is_bulk)
            else None
        )

    tolerant = replace(
        rehearsal, options=rehearsal.options.model_copy(update={"max_consecutive_failures": 1_000})
    )
    proxy.fault = fault
    tolerant.run(folder, 0, Watch())
    state = rehearsal.state(folder)
    assert {letter[2] for letter in state["dead letters"]} == odd
    assert state["documents"].keys() == undisturbed["documents"].keys() - odd
    proxy.fault = None
    rehearsal.run(folder, 0, Watch(), fresh=True)
    same(rehearsal, folder, undisturbed)
