"""Several sources in one run: what became of each, and what they came to together."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final
from uuid import uuid4

from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from tasks.chosen_sources import SourceSync
from tasks.recorded_run import ATTENTION
from tasks.reporting import Event, RunBegan, RunEnded, RunFailed, RunStarted, listening
from tasks.results import SyncResult

PARTLY_FAILED: Final = "PartlyFailed"
"""Name of the state of a run in which some sources failed and others went through."""


@dataclass(slots=True)
class SourceRun:
    """One source of a run: what it was asked for, and what became of it.

    Attributes:
        asked: The source and its parameters.
        run_id: The run in the ledger.
        account: What a person calls the account, once it is known.
        result: What it did; None where it stopped as a whole.
        state: How its flow run ended.
    """

    asked: SourceSync
    run_id: str = field(default_factory=lambda: uuid4().hex)
    account: str = ""
    result: SyncResult | None = None
    state: State[Any] | None = None

    @property
    def name(self) -> str:
        """What a person calls it: the source, with its credentials where they are named."""
        block = self.asked.credentials
        return f"{self.asked.source} ({block})" if block else self.asked.source

    @property
    def outcome(self) -> str:
        """`completed`, `attention`, `cancelled` or `failed`."""
        state = self.state
        if state is None or not (state.is_completed() or state.is_cancelled()):
            return "failed"
        if state.is_cancelled():
            return "cancelled"
        return "attention" if state.name == ATTENTION else "completed"

    @property
    def message(self) -> str:
        """How it ended, in a sentence."""
        return (self.state.message if self.state else None) or "It did not end."

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, for scripts."""
        told: dict[str, Any] = {
            "source": self.asked.source,
            "credentials": self.asked.credentials,
            "outcome": self.outcome,
            "message": self.message,
        }
        return told | (self.result.as_dict() if self.result else {})


class SourceRuns:
    """The sources of a run, by the ids of their runs; listens to what they tell."""

    def __init__(self, wanted: Sequence[SourceSync]) -> None:
        self.runs = [SourceRun(each) for each in wanted]
        self._by_id = {run.run_id: run for run in self.runs}

    def __call__(self, event: Event) -> None:
        """Takes note of an event, if it is about one of these runs."""
        match event:
            case RunStarted() if event.run_id in self._by_id:
                self._by_id[event.run_id].account = event.connection
            case RunEnded() if event.result.run_id in self._by_id:
                self._by_id[event.result.run_id].result = event.result
            case RunFailed() if event.run_id in self._by_id:
                self._by_id[event.run_id].result = None


def own_state(state: State[Any]) -> State[Any]:
    """A state like that of another run: Prefect takes one that names its run for a list of them."""
    return State(type=state.type, name=state.name, message=state.message)


def end_state(runs: Sequence[SourceRun]) -> State[Any]:
    """The state of a run over several sources: loud as soon as one of them failed."""
    failed = [run for run in runs if run.outcome == "failed"]
    if failed:
        reasons = " ".join(f"{run.name}: {run.message}" for run in failed)
        message = f"{len(failed)} of {len(runs)} sources failed. {reasons}"
        if len(failed) == len(runs):
            return Failed(message=message)
        return Failed(name=PARTLY_FAILED, message=message)
    message = " ".join(f"{run.name}: {run.message}" for run in runs)
    if all(run.outcome == "cancelled" for run in runs):
        return Cancelled(message=message)
    if any(run.outcome == "attention" for run in runs):
        return Completed(name=ATTENTION, message=message)
    return Completed(message=message)


_begins: Final = Lock()


@contextmanager
def begins_alone(run_id: str) -> Iterator[None]:
    """Lets the flow runs of sources begin one after the other; the next may once this one began.

    Prefect's server turns down all but one of several that are made at the same moment, where its
    database is SQLite, and its client asks again after 2, 4, 8 ... seconds (seen with 3.8.8).

    Args:
        run_id: The run that begins in the block.
    """
    waiting = True

    def free() -> None:
        nonlocal waiting
        if waiting:
            waiting = False
            _begins.release()

    def hear(event: Event) -> None:
        if isinstance(event, RunBegan) and event.run_id == run_id:
            free()

    _begins.acquire()
    try:
        with listening(hear):
            yield
    finally:
        free()


_COUNTED: Final = ("new", "changed", "unchanged", "access_changed", "deleted", "failed")


def publish(runs: Sequence[SourceRun]) -> None:
    """Makes the table of what each source did, as an artifact of the flow run."""
    rows = []
    for run in runs:
        counts = run.result.counts if run.result else None
        rows.append(
            {
                "source": run.name,
                "account": run.account,
                "outcome": run.outcome,
                "partitions": len(run.result.partitions) if run.result else "",
                **{name: getattr(counts, name) if counts else "" for name in _COUNTED},
                "API calls": counts.api_calls if counts else "",
                "seconds": round(run.result.seconds, 1) if run.result else "",
                "message": run.message,
            }
        )
    names = "-".join(sorted({run.asked.source for run in runs}))
    key = re.sub(r"[^a-z0-9]+", "-", f"sync-{names}".lower()).strip("-")[:200]
    create_table_artifact(table=rows, key=key, description="What each source of the run did.")
