"""Killed anywhere and started again, a sync ends in the state of one that nobody disturbed."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from contract_kill_and_resume import KillAndResume, Rehearsal
from effort import tries
from scripted_source import (
    ENTITY,
    MEMBERS,
    MORNING,
    Entry,
    Room,
    ScriptedExporter,
    Vendor,
    document_id,
    gone,
    listed,
    note,
    put,
)
from watched_stores import Watch, settings_in, watched

from exporters.base import BaseExporter
from exporters.changes import (
    AccessChange,
    Checkpoint,
    Complete,
    ContainerChange,
    Delete,
    Failure,
    IdentityChange,
    MembershipChange,
    Upsert,
)
from exporters.errors import InvalidDataError
from stores.ledger.types import PartitionState
from tasks.stores import Stores

ANN, BOB = "ann@x.example", "bob@x.example"
LATER = MORNING + timedelta(hours=1)


def members(*people: str) -> MembershipChange:
    return MembershipChange(
        MEMBERS, frozenset(f"user:{person}" for person in people), as_of=MORNING
    )


def same_person(*addresses: str) -> IdentityChange:
    names = frozenset(f"user:{address}" for address in addresses)
    return IdentityChange(frozenset({names}), as_of=MORNING)


def failure(identifier: str) -> Failure:
    return Failure(error=InvalidDataError("odd"), entity=ENTITY, external_id=identifier)


def first_sync() -> list[Entry]:
    """Forty notes, of which one fails, one is broken and some come by version; pages of ten."""
    entries: list[Entry] = [members(ANN, BOB), same_person(ANN, "ann@home.example")]
    for number in range(40):
        if number == 11:
            entries.append(failure("11"))
        elif number == 12:
            entries.append(put(12, broken="half of it"))
        elif number % 7 == 3:
            entries.append(listed(note(number, version="a")))
        elif number % 10 == 9:
            entries.append(put(number, texts=[f"part {part} of {number}" for part in range(3)]))
        else:
            entries.append(put(number, access=[MEMBERS] if number % 2 else ["workspace:W1"]))
        if number % 10 == 9:
            entries.append(Checkpoint({"page": number // 10}))
    return [*entries, Complete(full=True), Checkpoint({"page": "end"})]


def next_sync() -> list[Entry]:
    """Edits, new notes, deletes, a sweep of the first days, and all kinds of other change."""
    return [
        members(ANN),
        same_person(BOB, "bob@home.example"),
        *[put(number, f"note {number} was edited", fetched=LATER) for number in range(0, 12, 2)],
        Checkpoint({"next": 1}),
        *[put(number) for number in range(100, 112)],
        put(11),
        gone(20),
        Delete(ENTITY, "39"),
        Checkpoint({"next": 2}),
        ContainerChange(container={"id": "r", "name": "renamed", "url": None}),
        AccessChange(access=("user:carl@x.example",), entity=ENTITY, external_id="30"),
        put(21, texts=["only", "two"], fetched=LATER),
        put(29, texts=["part 0 of 29"], fetched=LATER),
        Checkpoint({"next": 3}),
        *[listed(note(number, version="b")) for number in (3, 10, 17)],
        failure("38"),
        # The whole beginning but for the notes 1 and 5: a sweep takes them.
        *[
            Upsert(note(number, f"note {number} was edited", fetched=LATER))
            for number in (0, 2, 4, 6)
        ],
        Complete(full=True, since=MORNING, until=MORNING + timedelta(days=7)),
        Checkpoint({"next": 4}),
    ]


def open_scripted(phase: int) -> BaseExporter:
    """The exporter of a phase; two rooms, the second of which stays as it is."""
    quiet: list[Entry] = [*[put(f"q{number}") for number in range(6)], Checkpoint({"quiet": True})]
    says = [first_sync, next_sync][phase]()
    return ScriptedExporter(Vendor(rooms=[Room("r1", says=says), Room("r2", says=quiet)]))


def open_embedded(layout: str, folder: Path, watch: Watch) -> Stores:
    """Embedded stores with the counting model."""
    return watched(settings_in(folder, layout), watch)


def expected_at(phase: int, cursor: object) -> dict[str, str | None]:
    """What must be stored once a cursor is: texts by document id, None for what must be gone."""
    expected: dict[str, str | None] = {}
    for entry in [first_sync, next_sync][phase]():
        if isinstance(entry, Checkpoint) and entry.cursor == cursor:
            return expected
        if isinstance(entry, Upsert) and "broken" not in entry.record.payload:
            payload = entry.record.payload
            for number, text in enumerate(payload.get("texts") or [payload["text"]]):
                suffix = f"/{number}" if number else ""
                expected[document_id(f"{entry.record.external_id}{suffix}")] = text
        elif isinstance(entry, Delete):
            expected[document_id(entry.external_id)] = None
    return {}  # a cursor of the phase before


@pytest.mark.faults
class EmbeddedKillAndResume(KillAndResume):
    layout: str
    random_moments = tries(6, 60)
    most_checkpoints = tries(8, 1_000)

    @pytest.fixture(scope="class")
    @classmethod
    def rehearsal(cls) -> Rehearsal:
        return Rehearsal(
            open_exporter=open_scripted,
            open_stores=partial(open_embedded, cls.layout),
            people=(ANN, BOB),
        )

    def check_in_between(
        self, stores: Stores, phase: int, partitions: list[PartitionState]
    ) -> None:
        """The cursor is never ahead of the stores."""
        for partition in partitions:
            if partition.key != "r1" or partition.cursor is None:
                continue
            expected = expected_at(phase, dict(partition.cursor))
            stored = stores.index.get(list(expected))
            for identifier, text in expected.items():
                found = stored.get(identifier)
                assert (found.page_content if found else None) == text, identifier
            for records in stores.ledger.records_of(partition.id):
                for row in stores.raw.read_many(r.raw_ref for r in records if r.raw_ref):
                    assert row.row.payload


class TestOneFile(EmbeddedKillAndResume):
    """A batch is one transaction of documents, vectors and ledger."""

    layout = "one file"


class TestThreeFiles(EmbeddedKillAndResume):
    """Each store commits by itself, as servers do."""

    layout = "three files"
