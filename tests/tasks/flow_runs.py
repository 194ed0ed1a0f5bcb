"""Runs of the flow for any source, in a process of their own: `python flow_runs.py FOLDER RUN...`.

Prints one JSON object: what became of each run. The environment says where Prefect is.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

from scripted_source import SOURCE, VENDORS, Entry, Room, Vendor, fails, listing, put

from exporters.changes import Checkpoint, Complete
from exporters.errors import AuthenticationError, TransientError
from flows.source_sync import source_sync
from stores.ledger.types import RunState
from tasks.options import SyncOptions
from tasks.stores import open_ledger

CANARY = "canary-8d41f0-not-to-be-seen"


def _vendor(name: str, *rooms: Room) -> Vendor:
    VENDORS[name] = Vendor(account=name, rooms=list(rooms))
    return VENDORS[name]


def _failing_once(*before: Any, error: BaseException) -> Room:
    """A room that fails after what it says first, and the next time goes on."""
    failed: list[object] = []

    def fail() -> None:
        if not failed:
            failed.append(error)
            raise error

    return Room(
        "r1", says=[*before, Checkpoint({"at": 1}), fail, put("after"), Complete(full=True)]
    )


def well(name: str) -> dict[str, Any]:
    return {"vendor": _vendor(name, *[Room(r, says=listing([put(r)])) for r in ("r1", "r2")])}


def aside(name: str) -> dict[str, Any]:
    return {"vendor": _vendor(name, Room("r1", says=[put(1), fails(2), put(3)]))}


def refused(name: str) -> dict[str, Any]:
    error = AuthenticationError("The token is revoked.", hint="Make a new one.")
    says: list[Entry] = [put(1), Checkpoint({"at": 1}), error]
    return {"vendor": _vendor(name, Room("r1", says=says), Room("r2", says=[put(2)]))}


def unlisted(name: str) -> dict[str, Any]:
    vendor = _vendor(name, Room("r1"))
    vendor.refuses = AuthenticationError("The token is revoked.", hint="Make a new one.")
    return {"vendor": vendor}


def shaken(name: str) -> dict[str, Any]:
    return {"vendor": _vendor(name, _failing_once(put(1), error=TransientError("Away.")))}


def broken(name: str) -> dict[str, Any]:
    return {"vendor": _vendor(name, Room("r1", says=[put(1), TransientError("Still away.")]))}


def rescanned(name: str) -> dict[str, Any]:
    """A rescan whose first attempt fails before its first checkpoint."""
    says = listing([put(1), put(2)], page=1)
    vendor = _vendor(name, Room("r1", says=says))
    _run(name, SyncOptions())
    failed: list[object] = []

    def fail() -> None:
        if not failed:
            failed.append(True)
            raise TransientError("Away.")

    vendor.rooms[0].says = [fail, *says]
    vendor.cursors.clear()
    return {"vendor": vendor, "options": SyncOptions(rescan=True)}


def leaking(name: str) -> dict[str, Any]:
    error = RuntimeError(f"Authorization: Bearer {CANARY}")
    says: list[Entry] = [put(1, f"echo {CANARY}"), fails(2, f"no {CANARY}"), error]
    denied = AuthenticationError(f"The token {CANARY} is revoked.", hint=f"Replace {CANARY}.")
    return {"vendor": _vendor(name, Room("r1", says=says), Room(CANARY[:6], says=[denied]))}


def held(name: str) -> dict[str, Any]:
    ledger = open_ledger()
    lease = ledger.lease(f"sync:{SOURCE}:{name}", run_id="the-other-run")
    lease.__enter__()
    return {"vendor": _vendor(name, Room("r1", says=[put(1)])), "after": lease}


def after_a_kill(name: str) -> dict[str, Any]:
    ledger = open_ledger()
    ledger.start_run("killed", ledger.connection_id(SOURCE, name, name))
    return {"vendor": _vendor(name, Room("r1", says=[put(1)]))}


def stopped(name: str) -> dict[str, Any]:
    """Stopped with Ctrl-C in the middle, then run again."""
    before: list[Entry] = [*[put(number) for number in range(5)], Checkpoint({"at": 1})]
    after: list[Entry] = [*[put(number) for number in range(5, 9)], Checkpoint({"at": 2})]

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        Event().wait(1)  # the main thread hears of it

    vendor = _vendor(name, Room("r1", says=[*before, interrupt, *after]))
    with suppress(KeyboardInterrupt):
        _run(name, SyncOptions(batch_records=5))
    vendor.rooms[0].says = [*before, *after]
    return {"vendor": vendor}


RUNS: dict[str, Callable[[str], dict[str, Any]]] = {
    run.__name__: run
    for run in (
        well, aside, refused, unlisted, shaken, broken, rescanned, leaking, held, after_a_kill,
        stopped,
    )
}  # fmt: skip


def _run(name: str, options: SyncOptions) -> Any:
    return source_sync(
        source=SOURCE, selection={"vendor": name}, options=options, return_state=True
    )


def main() -> None:
    """Does the runs and prints what became of them."""
    told = {}
    for name in sys.argv[2:]:
        run = RUNS[name](name)
        state = _run(name, run.get("options", SyncOptions()))
        if "after" in run:
            run["after"].__exit__(None, None, None)
        ledger = open_ledger()
        told[name] = {
            "type": state.type.value,
            "name": state.name,
            "message": state.message,
            "cursors": run["vendor"].cursors,
            "runs": [
                (record.id, record.state.value, record.message, dict(record.counts))
                for record in ledger.runs(100)
                if record.connection == name
            ],
            "records": [
                p.records
                for c in ledger.connections()
                if c.connection == name
                for p in ledger.partitions(c.id)
            ],
            "letters": [x.message for x in ledger.dead_letters(connection=name)],
            "running": [r.id for r in ledger.runs(100) if r.state is RunState.RUNNING],
        }
    Path(sys.argv[1], "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    # Nothing of Prefect is left running when what was asked for is told.
    main()
    sys.stdout.flush()
    os._exit(0)
