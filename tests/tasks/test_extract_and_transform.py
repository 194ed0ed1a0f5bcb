"""Extraction and transformation end where a sync ends."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from effort import tries
from extracted_site import Site, vendor_of
from faults.stages import STAGES
from scripted_source import (
    ENTITY,
    MORNING,
    ScriptedExporter,
    document_id,
    fails,
    gone,
    listed,
    listing,
    note,
    put,
)
from shared_mail import MailExporter, mail, relabelled
from watched_stores import settings_in

from exporters.changes import (
    AccessChange,
    Checkpoint,
    ContainerChange,
    Delete,
    IdentityChange,
    MembershipChange,
    RawRecord,
    Upsert,
)
from exporters.schemas import PayloadSchema
from stores.ledger.job_types import Job, JobStatus
from stores.ledger.types import ExtractionStatus
from stores.queue.base import RetryPolicy
from stores.queue.embedded import LedgerQueue
from tasks.raw_upkeep import Retention, prune_raw, verify_raw
from tasks.scripts import SCRIPT, Landed, Script


class Shuffled(LedgerQueue):
    """Hands the newest job out first, and forgets every third acknowledgement once."""

    forgotten: set[int] = set()  # noqa: RUF012 (of one test)

    def claim(self, limit: int = 1, **how: Any) -> list[Job]:
        *others, newest = sorted(super().claim(100, **how), key=lambda job: job.id) or [None]
        self.release([job for job in others if job is not None])
        return [] if newest is None else [newest]

    def ack(self, jobs: Sequence[Job]) -> set[int]:
        for job in jobs:
            if job.id % 3 == 0 and job.id not in self.forgotten:
                self.forgotten.add(job.id)
                return self.release([job])
        return super().ack(jobs)


@pytest.mark.parametrize("source", sorted(STAGES))
@pytest.mark.parametrize("backlog", [False, True], ids=["in step", "all at the end"])
def test_every_source_ends_where_its_sync_ends(source: str, backlog: bool, tmp_path: Path) -> None:
    stage = STAGES[source]
    synced, extracted = (
        Site(tmp_path / name, stage.store_name, stage.custom) for name in ("synced", "extracted")
    )
    extracted.schemas = stage.manifest.load(stage.manifest.schemas)
    company = stage.company()
    with stage.served(company) as sandbox:
        for moves in (False, True):
            if moves:
                stage.move(company)
            for site in (synced, extracted):
                exporter = stage.opener(sandbox)()
                listed = exporter.partitions(stage.selection())
                partitions = [p for p in listed if not p.unreadable]
                if site is synced:
                    site.sync(exporter, partitions)
                    continue
                site.extract(exporter, partitions)
                if moves or not backlog:
                    queue = Shuffled(site.stores.ledger, RetryPolicy(first=0.0))
                    result = site.work(exporter, queue if backlog else None)
                    assert (result.retried, result.dead, result.waiting) == (0, {}, 0)
    assert extracted.state() == synced.state()
    assert extracted.cursors() == synced.cursors()
    assert extracted.stores.ledger.jobs.counts()["ready"] == 0


LATER = MORNING + timedelta(hours=1)


def history(number: int) -> list[Any]:
    """What a room says, one chapter after the other: everything that is no upsert is in it."""
    named = {"id": "r", "name": "new name", "url": None}
    chapters = [
        [*listing([put(n) for n in range(6)], page=2)],
        [put(1, "edited", fetched=LATER), gone(2), Checkpoint({"c": 1})],
        [AccessChange(access=("group:scripted:g",)), Checkpoint({"c": 2})],
        [
            AccessChange(access=("user:ann@x.example",), entity=ENTITY, external_id="3"),
            fails(4), put(7, broken="x"), Checkpoint({"c": 3}),
        ],
        [
            ContainerChange(container=named, extra={"topic": "ships"}),
            MembershipChange("group:scripted:g", frozenset({"user:ann@x.example"})),
            put(2, "back again", fetched=LATER), Checkpoint({"c": 4}),
        ],
        listing(
            [*[put(n, f"final {n}", fetched=LATER) for n in (0, 1, 2)], put(3), put(4),
             put(7, broken="x")], name="last"
        ),
    ]  # fmt: skip
    return chapters[number]


def told(site: Site, chapters: Iterable[int], *, works: bool, direct: bool = False) -> None:
    vendor, partitions = vendor_of()
    exporter = ScriptedExporter(vendor)
    for number in chapters:
        vendor.says(*history(number))
        if direct:
            site.sync(exporter, partitions, batch_records=3)
        else:
            site.extract(exporter, partitions, batch_records=3)
            if works:
                site.work(exporter)


@pytest.mark.parametrize("works", [True, False], ids=["in step", "all at the end"])
def test_everything_that_can_be_said_ends_as_in_a_sync(tmp_path: Path, works: bool) -> None:
    synced, site = Site(tmp_path / "synced"), Site(tmp_path / "site")
    told(synced, range(6), works=False, direct=True)
    told(site, range(6), works=works)
    queue = Shuffled(site.stores.ledger, RetryPolicy(first=0.0))
    site.work(ScriptedExporter(vendor_of()[0]), queue)
    assert site.state() == synced.state()
    assert site.state()["people"]["ann@x.example"]
    statuses = site.stores.ledger.extractions.counts()
    assert statuses["failed"] == 1
    assert statuses["landed"] == 0


def test_a_second_extraction_of_the_same_lands_nothing_and_queues_nothing(site: Site) -> None:
    vendor, partitions = vendor_of()
    vendor.says(*listing(put(n) for n in range(5)))
    [first] = site.extract(ScriptedExporter(vendor), partitions)
    assert (first.counts.new, first.counts.landed) == (5, 5)
    [again] = site.extract(ScriptedExporter(vendor), partitions, fresh=True)
    assert (again.counts.landed, again.counts.unchanged) == (0, 5)
    assert site.stores.ledger.jobs.counts()["ready"] == 1


def test_what_is_missing_lands_again_with_a_refetch(site: Site) -> None:
    vendor, partitions = vendor_of()
    exporter = ScriptedExporter(vendor)
    ledger, raw = site.stores.ledger, site.stores.raw
    for refetch in (False, True):
        vendor.says(*listing(put(n) for n in range(5)))
        site.extract(exporter, partitions, fresh=True, refetch=refetch)
        site.work(exporter)
        lost = [file.path for file in ledger.raw_files() if file.entity == ENTITY]
        assert len(lost) == 1 + refetch
        raw.remove(lost[0])
        needed = ledger.landed.newest()
        assert (lost[0] in needed) is not refetch
    assert needed[lost[1]] == 5
    assert site.stores.index.count() == 5


def test_verification_tells_of_jobs_that_cannot_be_done(site: Site) -> None:
    vendor, partitions = vendor_of()
    vendor.says(put(1), Checkpoint({"n": 1}))
    site.extract(ScriptedExporter(vendor), partitions)
    [script] = [f.path for f in site.stores.ledger.raw_files() if f.entity == SCRIPT]
    site.stores.raw.remove(script)
    verified = verify_raw(settings=settings_in(site.folder))
    assert verified.awaited == {script}
    assert "yet to be read from 1 of them" in verified.sentence


def test_what_is_queued_names_everything_and_holds_no_payload(site: Site) -> None:
    vendor, partitions = vendor_of()
    vendor.says(put(1, "a secret of the company"), Checkpoint({"n": 1}))
    site.extract(ScriptedExporter(vendor), partitions)
    [job] = site.stores.ledger.jobs.page()
    assert "secret" not in str(job)
    script = Script.decoded(site.stores.raw.read(f"{job.batch}#0").row.payload)
    assert (script.run, script.cursor, script.before) == ("run-1", {"n": 1}, None)
    [landed] = script.said
    assert isinstance(landed, Landed)
    row = site.stores.raw.read(landed.ref)
    assert (row.row.external_id, row.run_id) == ("1", "run-1")


def test_lists_of_members_that_did_not_move_queue_nothing(site: Site) -> None:
    vendor, partitions = vendor_of()
    exporter = ScriptedExporter(vendor)
    ann, lee = "user:ann@x.example", "user:a.lee@x.example"
    for hour in range(3):
        at = MORNING + timedelta(hours=hour)
        vendor.says(
            MembershipChange("group:scripted:g", frozenset({ann}), at),
            MembershipChange("group:scripted:nobody", frozenset(), at),
            IdentityChange(frozenset({frozenset({ann, lee})}), at),
            Checkpoint({"hour": hour}),
        )
        site.extract(exporter, partitions)
        if not hour:
            site.work(exporter)
    counts = site.stores.ledger.jobs.counts()
    assert (counts["ready"], counts["done"]) == (0, 1)
    person = site.stores.ledger.person("a.lee@x.example")
    assert "group:scripted:g" in person.principals
    assert person.as_of == MORNING + timedelta(hours=2), "what was said again is fresh"


def test_who_left_is_out_at_once_and_who_joined_is_in_when_the_job_is_done(site: Site) -> None:
    vendor, partitions = vendor_of()
    exporter = ScriptedExporter(vendor)
    group = "group:scripted:g"

    def members(*people: str, hour: int) -> None:
        listed = frozenset(f"user:{name}@x.example" for name in people)
        at = MORNING + timedelta(hours=hour)
        vendor.says(MembershipChange(group, listed, at), Checkpoint({"hour": hour}))
        site.extract(exporter, partitions)

    def reads() -> set[str]:
        of = site.stores.ledger.principals_of
        return {name for name in ("ann", "bob", "cleo") if group in of(f"{name}@x.example")}

    members("ann", "bob", hour=0)
    site.work(exporter)
    assert reads() == {"ann", "bob"}
    members("ann", "cleo", hour=1)
    assert reads() == {"ann"}
    members("ann", hour=2)
    assert reads() == {"ann"}
    site.work(exporter)  # the list of an hour ago names somebody who has left since
    assert reads() == {"ann"}
    members("ann", "cleo", hour=3)
    site.work(exporter)
    assert reads() == {"ann", "cleo"}


class Page(PayloadSchema):
    text: str


def test_a_payload_that_looks_otherwise_goes_to_quarantine(site: Site) -> None:
    site.schemas = {ENTITY: Page}
    vendor, partitions = vendor_of()
    bad = RawRecord(external_id="2", entity=ENTITY, payload={"title": "no text"})
    vendor.says(put(1), Upsert(bad), put(3), Checkpoint({"n": 1}))
    [result] = site.extract(ScriptedExporter(vendor), partitions)
    assert (result.counts.new, result.counts.failed) == (2, 1)
    [row] = site.stores.ledger.extractions.page(status=ExtractionStatus.QUARANTINED)
    assert "text: Field required" in (row.record.error or "")
    assert b"no text" in site.stores.raw.read(row.record.raw_ref or "").row.payload
    site.work(ScriptedExporter(vendor))
    assert site.stores.index.count() == 2
    [letter] = site.stores.ledger.dead_letters()
    assert (letter.key, letter.raw_ref) == ("note:2", row.record.raw_ref)
    assert "does not fit the schema of note" in letter.message
    vendor.says(put(2, fetched=datetime.now(UTC)), Checkpoint({"n": 2}))
    site.extract(ScriptedExporter(vendor), partitions)
    site.work(ScriptedExporter(vendor))
    assert site.stores.index.count() == 3
    assert site.stores.ledger.dead_letters() == []


def test_quarantine_ends_when_the_item_comes_back_as_it_was(site: Site) -> None:
    site.schemas = {ENTITY: Page}
    vendor, partitions = vendor_of()
    exporter = ScriptedExporter(vendor)
    bad = RawRecord(external_id="1", entity=ENTITY, payload={"title": "no text"}, fetched_at=LATER)
    fine = put(1, fetched=LATER + timedelta(hours=1))
    letters = site.stores.ledger.dead_letters
    for number, change in enumerate([put(1), Upsert(bad), fine, fails(1), fine]):
        vendor.says(change, Checkpoint({"n": number}))
        site.extract(exporter, partitions)
        site.work(exporter)
        assert len(letters()) == number % 2
    assert site.stores.index.count() == 1
    assert site.stores.ledger.jobs.counts()["dead"] == 0


def test_a_job_that_fails_is_given_up_listed_and_holds_nobody_back(site: Site) -> None:
    vendor, partitions = vendor_of("r1", "r2")
    exporter = ScriptedExporter(vendor)
    for room in ("r1", "r2"):
        vendor.says(*[put(f"{room}-{n}", broken="bad") for n in range(12)],
                    Checkpoint({"n": 1}), room=room)  # fmt: skip
    site.extract(exporter, partitions)
    vendor.says(put("fine"), Checkpoint({"n": 2}))
    site.extract(exporter, partitions[:1])
    result = site.work(exporter)
    assert (result.done, result.retried) == (1, 2)
    assert len(result.dead) == 2
    assert [d.id for d in site.stores.index.iterate()] == [document_id("fine")]
    dead = site.stores.ledger.jobs.page(status=JobStatus.DEAD)
    assert [(job.partition, job.attempts) for job in dead] == [("r1", 2), ("r2", 2)]
    assert "failed in a row" in (dead[0].error or "")
    vendor.mended = True
    queue = LedgerQueue(site.stores.ledger, RetryPolicy(first=0.0))
    assert queue.replay() == 2
    assert site.work(exporter, queue).done == 2
    assert site.stores.index.count() == 25
    assert site.stores.ledger.dead_letters() == []


def test_a_job_that_is_tried_again_late_undoes_nothing(tmp_path: Path) -> None:
    """Each job in turn is given up and tried again when all others are done."""
    synced = Site(tmp_path / "synced")
    told(synced, range(6), works=False, direct=True)
    wanted = synced.state()
    jobs = 9
    order = [*range(0, jobs, 2), *range(1, jobs, 2)]
    for late in order[: tries(4, jobs)]:
        site = Site(tmp_path / f"late-{late}")
        told(site, range(6), works=False)
        exporter = ScriptedExporter(vendor_of()[0])
        queue = LedgerQueue(site.stores.ledger, RetryPolicy(attempts=1, first=0.0))
        waiting = site.stores.ledger.jobs.page()
        assert len(waiting) == jobs
        claimed = {job.id: job for job in queue.claim(jobs, worker="somebody")}
        queue.bury(claimed.pop(waiting[late].id), "It was hopeless.")
        queue.release(list(claimed.values()))
        site.work(exporter, queue)
        queue.replay()
        result = site.work(exporter, queue)
        assert (result.done, result.dead) == (1, {})
        state = site.state()
        assert state["documents"] == wanted["documents"]
        assert state["found by"] == wanted["found by"]
        site.stores.close()


def test_a_worker_that_was_killed_leaves_its_job_to_another(site: Site) -> None:
    vendor, partitions = vendor_of()
    vendor.says(*listing([put(n) for n in range(9)], page=3))
    exporter = ScriptedExporter(vendor)
    site.extract(exporter, partitions, batch_records=3)
    stores = site.stores
    for step in ("index.write done", "ledger.commit done"):
        watch = stores.index.watch  # type: ignore[attr-defined]
        watch.raises(step, KeyboardInterrupt(), time=watch.counts[step] + 1)
        with pytest.raises(KeyboardInterrupt):
            site.work(exporter)
    result = site.work(exporter)
    assert result.waiting == 0
    assert stores.index.count() == 9
    assert stores.ledger.jobs.counts()["done"] >= 3


def test_a_drain_does_not_end_while_another_worker_has_the_job_before_its_own(site: Site) -> None:
    vendor, partitions = vendor_of("r1", "r2")
    exporter = ScriptedExporter(vendor)
    for chapter in range(2):
        vendor.says(put(f"a{chapter}"), Checkpoint({"n": chapter}), room="r1")
        vendor.says(put(f"b{chapter}"), Checkpoint({"n": chapter}), room="r2")
        site.extract(exporter, partitions)
    queue = LedgerQueue(site.stores.ledger)
    [taken] = queue.claim(1, worker="another")
    later = Timer(2.5, queue.release, [[taken]])
    later.start()
    result = site.work(exporter)
    later.join()
    assert (result.done, result.waiting) == (4, 0)


class TestChangingSides:
    def test_an_extraction_goes_on_where_syncs_have_come_to(self, site: Site) -> None:
        vendor, partitions = vendor_of()
        exporter = ScriptedExporter(vendor)
        vendor.says(*listing([put(n, version="v1") for n in range(6)]))
        site.sync(exporter, partitions)
        loads: list[str] = []

        def shown(number: int) -> Any:
            return listed(note(number, version="v1"), lambda: loads.append("x") or [put(number)])

        vendor.says(*listing([shown(n) for n in range(5)]))
        site.extract(exporter, partitions, fresh=True)
        assert vendor.cursors[-1] == ("r1", None)
        site.work(exporter)
        assert loads == []
        assert site.stores.index.count() == 5  # the sixth was gone

    def test_it_takes_the_cursor_over_and_gives_it_back(self, site: Site) -> None:
        vendor, partitions = vendor_of()
        exporter = ScriptedExporter(vendor)
        vendor.says(*listing([put(1)]))
        site.sync(exporter, partitions)
        vendor.says(put(2), Checkpoint({"n": 2}))
        site.extract(exporter, partitions)
        assert vendor.cursors[-1] == ("r1", {"page": "end"})
        site.work(exporter)
        ledger = site.stores.ledger
        assert ledger.extractions.is_used(1)
        assert ledger.extractions.hand_over(1) == 1
        assert not ledger.extractions.is_used(1)
        vendor.says(put(3), Checkpoint({"n": 3}))
        site.sync(exporter, partitions)
        assert vendor.cursors[-1] == ("r1", {"n": 2})
        assert site.stores.index.count() == 3


def test_a_mail_in_many_mailboxes_ends_as_in_a_sync(tmp_path: Path) -> None:
    synced, site = Site(tmp_path / "synced"), Site(tmp_path / "site")
    for one in (synced, site):
        vendor, partitions = vendor_of("ann", "bob")
        exporter = MailExporter(vendor)
        does = one.sync if one is synced else one.extract
        vendor.says(mail("ann", "m1", "INBOX"), Checkpoint({"n": 1}), room="ann")
        vendor.says(mail("bob", "m1", "INBOX"), Checkpoint({"n": 1}), room="bob")
        does(exporter, partitions)
        vendor.says(relabelled("ann", "m1", "STARRED"), Checkpoint({"n": 2}), room="ann")
        vendor.says(Delete("mail", "bob/m1"), Checkpoint({"n": 2}), room="bob")
        does(exporter, partitions)
    queue = Shuffled(site.stores.ledger, RetryPolicy(first=0.0))
    site.work(exporter, queue)
    assert site.state() == synced.state()
    [document] = site.stores.index.iterate()
    assert document.metadata["extra"]["copies"][0]["labels"] == ["STARRED"]


def test_retention_leaves_what_a_job_is_yet_to_read(site: Site) -> None:
    vendor, partitions = vendor_of()
    exporter = ScriptedExporter(vendor)
    vendor.says(put(1), Checkpoint({"n": 1}))
    site.extract(exporter, partitions)
    vendor.says(put(1, "newer", fetched=LATER), Checkpoint({"n": 2}))
    site.extract(exporter, partitions)
    everything = Retention(keep_bytes=0, newest_too=False)
    assert prune_raw(everything, settings=settings_in(site.folder)).files == 0
    site.work(exporter)
    gone_now = prune_raw(everything, settings=settings_in(site.folder))
    assert (gone_now.files, gone_now.kept) == (3, 1)  # two scripts and what was superseded
    assert site.stores.index.count() == 1


def test_what_was_set_aside_is_tried_again_when_all_is_listed_anew(site: Site) -> None:
    vendor, partitions = vendor_of()
    exporter, lost = ScriptedExporter(vendor), set[int]()

    def some(number: int) -> list[Any]:
        return [fails(number) if number in lost else put(number, version="1")]

    def letters(*gone: int, **how: Any) -> int:
        lost.clear()
        lost.update(gone)
        notes = (listed(note(n, version="1"), partial(some, n)) for n in range(12))
        vendor.says(*listing(notes, name=f"page of {site.runs}"))
        site.extract(exporter, partitions, **how)
        assert not site.work(exporter).dead
        return len(site.stores.ledger.dead_letters())

    assert letters() == 0
    assert letters(*range(9), refetch=True) == 9
    assert letters(4, refetch=True) == 1, "what came as it was before is settled"
    assert letters(*range(9), refetch=True) == 9
    assert letters() == 9
    few = {"fresh": True, "max_consecutive_failures": 5}
    assert letters(*range(9), **few) == 9, "more than may fail in a row for the first time"
    assert letters(3, fresh=True) == 1
    assert letters(fresh=True) == 0
