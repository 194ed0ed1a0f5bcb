"""Runs over several sources, in a process of their own: `python several_runs.py FOLDER`.

Prints nothing; `told.json` holds what became of each run.
"""

import json
import os
import sys
from pathlib import Path
from threading import Barrier
from typing import Any

from flow_runs import held, refused
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from scripted_source import SOURCE, VENDORS, Room, Vendor, fails, listing, put

from exporters.changes import Complete
from flows.multi_source_sync import multi_source_sync
from tasks.options import SyncOptions
from tasks.stores import open_ledger

TOGETHER = Barrier(2, timeout=60)


def _room(name: str, *says: Any) -> None:
    VENDORS[name] = Vendor(account=name, rooms=[Room("r1", says=says)])


def _of(*names: str, **options: Any) -> list[dict[str, Any]]:
    return [{"source": SOURCE, "selection": {"vendor": name}, **options} for name in names]


def all_well() -> dict[str, Any]:
    """Two that wait for each other: one after the other they would never end."""
    for name in ("one", "two"):
        _room(name, put(1), TOGETHER.wait, put(2), Complete(full=True))
    return {"sources": _of("one", "two")}


def one_fails() -> dict[str, Any]:
    refused("denied")
    _room("fine", *listing([put(n) for n in range(5)]))
    return {"sources": _of("denied", "fine")}


def all_fail() -> dict[str, Any]:
    refused("denied2")
    VENDORS["denied2"].rooms.pop()
    refused("denied3")
    VENDORS["denied3"].rooms.pop()
    return {"sources": _of("denied2", "denied3")}


def items_aside() -> dict[str, Any]:
    _room("odd", put(1), fails(2))
    _room("even", put(1))
    return {"sources": _of("odd", "even")}


def one_is_held() -> dict[str, Any]:
    lease = held("busy")["after"]
    _room("free", put(1))
    return {"sources": _of("busy", "free"), "after": lease}


def own_options() -> dict[str, Any]:
    """Rescanned as the run says, and as one of them says for itself."""
    for name in ("as-run", "as-self"):
        _room(name, *listing([put(1), put(2)], page=1))
    multi_source_sync(sources=_of("as-run", "as-self"), return_state=True)  # type: ignore[arg-type]
    for name in ("as-run", "as-self"):
        VENDORS[name].cursors.clear()
    mine = _of("as-self", options={"rescan": True})
    return {"sources": [*_of("as-run"), *mine]}


def nothing_named() -> dict[str, Any]:
    _room("here", put(1))
    return {"sources": None}


def unknown() -> dict[str, Any]:
    return {"sources": [{"source": "scribted"}]}


def twice() -> dict[str, Any]:
    return {"sources": _of("fine", "fine")}


RUNS = (
    all_well, one_fails, all_fail, items_aside, one_is_held, own_options, nothing_named, unknown,
    twice,
)  # fmt: skip


def _children(state: Any) -> list[tuple[str, str]]:
    """The flow runs below a flow run's tasks, and how they ended."""
    parent = state.state_details.flow_run_id
    with get_client(sync_client=True) as client:
        below = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[parent]))
        return sorted(
            (run.name.partition(" ")[0], run.state.name if run.state else "")
            for run in client.read_flow_runs(flow_run_filter=below)
        )


def main() -> None:
    told = {}
    for make in RUNS:
        run = make()
        state = multi_source_sync(sources=run["sources"], options=SyncOptions(), return_state=True)
        if "after" in run:
            run["after"].__exit__(None, None, None)
        told[make.__name__] = {
            "type": state.type.value,
            "name": state.name,
            "message": state.message,
            "children": _children(state),
            "cursors": {name: vendor.cursors for name, vendor in VENDORS.items()},
        }
    ledger = open_ledger()
    told["records"] = {
        c.connection: sum(p.records or 0 for p in ledger.partitions(c.id))
        for c in ledger.connections()
    }
    with get_client(sync_client=True) as client:
        told["artifacts"] = [
            json.loads(artifact.data)
            for artifact in client.read_artifacts()
            if artifact.key == "sync-scripted" and isinstance(artifact.data, str)
        ]
    Path(sys.argv[1], "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
