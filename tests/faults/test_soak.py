"""An hour of changes by small steps, under faults, and in the end the stores are as the source is.

One process syncs again and again while things happen in the company and the vendor fails now and
then; some syncs are done by another process, and some of those are killed. Its memory and its open
files stay as they were, and the last sync leaves what a fresh one of the last state leaves.
"""

import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest
from contract_kill_and_resume import Rehearsal, rehearse, rehearse_for
from effort import FULL, tries
from fork_server import ForkServer
from store_state import state_of
from watched_stores import Watch

from faults.rehearsals import OPTIONS, Phases, differences, embedded
from faults.soak_worker import Synced, Worker
from faults.stages import STAGES
from faults.stages.base import Opener, Stage
from sandbox.faults import Fault

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="open files are told by /proc"),
]

SYNCS = tries(6, 360)
SECONDS = 330.0
"""Where this is over it ends after fewer syncs."""

STEPS = 6
BETWEEN_SYNCS = 60.0
"""Seconds of the company's time: an hour are 60 syncs."""

FAULTS = (
    Fault("rate_limited", retry_after=0.05),
    Fault("rate_limited", retry_after=0.05, retry_after_form="float", times=2),
    Fault("server_error", status=500),
    Fault("server_error", status=503, retry_after_form="none"),
    Fault("reset"),
    Fault("reset_mid_body"),
    Fault("truncated_body"),
    Fault("malformed_json"),
    Fault("html", status=200),
    Fault("html", status=502),
)


def opened_at(stage: Stage[Any, Any], company: Any, sandbox: Any) -> Opener:
    """An exporter whose clock says what the company's says."""
    return stage.opener(sandbox).at(datetime.fromtimestamp(company.clock(), UTC))


def rehearsal(stage: Stage[Any, Any], opener: Opener) -> Rehearsal:
    return Rehearsal(
        open_exporter=Phases((opener,)),
        open_stores=partial(embedded, "one file"),
        phases=1,
        selection=stage.selection(),
        options=OPTIONS,
        store_name=stage.store_name,
        custom=stage.custom,
    )


def held(folder: Path, people: tuple[str, ...]) -> dict[str, Any]:
    """What of the stores must not depend on the way to it."""
    stores = embedded("one file", folder, Watch())
    try:
        state = state_of(stores, people=people)
    finally:
        stores.close()
    for document in state["documents"].values():
        for copy in document["extra"].get("copies", ()):
            # Gmail's number of a copy's last change. Once Gmail forgot its history, labels that are
            # as they were do not tell that they went away and came back.
            if copy.pop("history_id", None):
                document.pop("content_hash", None)
    return {name: state[name] for name in ("documents", "vectors", "found by", "people")}


def people_of(folder: Path) -> tuple[str, ...]:
    """Everybody who is written by name in an access list, and some of the members."""
    stores = embedded("one file", folder, Watch())
    try:
        principals = {p for d in stores.index.iterate() for p in d.metadata["access"]}
    finally:
        stores.close()
    return tuple(sorted(p.removeprefix("user:") for p in principals if p.count("@") == 1))


def flat(told: list[Synced]) -> None:
    """Neither files nor memory grow from the first half to the second."""
    half = len(told) // 2
    files = [synced.files for synced in told]
    assert max(files[half:]) <= max(files[1:half]), files
    if FULL:
        memory = [synced.memory for synced in told]
        early, late = median(memory[half // 2 : half]), median(memory[-half // 2 :])
        assert late - early < 16_000_000, memory


@pytest.mark.parametrize("name", sorted(STAGES))
def test_after_an_hour_of_changes_and_faults_the_stores_are_as_the_source_is(
    name: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    stage, dice = STAGES[name], Random(f"soak {name}")  # noqa: S311 (no secret)
    company, folder = stage.company(), tmp_path / "soak"
    folder.mkdir()
    told: list[Synced] = []
    struck = killed = 0
    end = time.monotonic() + SECONDS
    with stage.served(company) as sandbox, Worker() as worker:
        told.append(worker.sync(opened_at(stage, company, sandbox), name, folder))
        assert told[-1].clean, told[-1].failed
        for number in range(SYNCS):
            if time.monotonic() > end:
                break
            for _ in range(STEPS):
                stage.step(company, dice)
                stage.passes(company, BETWEEN_SYNCS / STEPS)
            if dice.random() < 0.7:
                sandbox.faults.add(replace(dice.choice(FAULTS), skip=dice.randrange(8)))
            opener = opened_at(stage, company, sandbox)
            if number % 6 == 4:
                moment = dice.uniform(0.05, 0.5)
                ended = fork_server.run(rehearse_for, rehearsal(stage, opener), 0, moment, folder)
                killed += ended.code < 0
            else:
                told.append(worker.sync(opener, name, folder))
            struck += sum(fault["struck"] for fault in sandbox.faults.report())
            sandbox.faults.clear()
            sandbox.requests.clear()
        assert struck
        stage.passes(company, BETWEEN_SYNCS)
        opener = opened_at(stage, company, sandbox)
        last = worker.sync(opener, name, folder)
        assert last.clean, last
        fresh = tmp_path / "fresh"
        fresh.mkdir()
        ended = fork_server.run(rehearse, rehearsal(stage, opener), fresh, 0)
        assert ended.code == 0, ended.value
    print(  # noqa: T201 (figures for docs/reliability.md)
        f"{name}: {len(told)} syncs, {struck} faults, {killed} killed, "
        f"{sum(not synced.clean for synced in told)} not clean, "
        f"files {told[1].files} to {told[-1].files}, "
        f"memory {told[1].memory >> 20} to {told[-1].memory >> 20} MiB",
        file=sys.stderr,
    )
    people = people_of(fresh)
    assert people or name == "slack"
    found = differences(held(folder, people), held(fresh, people))
    assert not found, "\n".join(found[:60])
    flat(told)
    assert os.listdir(folder)  # noqa: PTH208
