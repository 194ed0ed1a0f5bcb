"""One mail in many mailboxes is one document, which their owners can read and nobody else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from contract_kill_and_resume import KillAndResume, Rehearsal
from effort import tries
from scripted_source import MODEL, MORNING, Entry, Room, Vendor, put
from shared_mail import ANN, BOB, CARL, MAIL, MailExporter, mail, purged, relabelled
from test_kill_and_resume import open_embedded
from watched_stores import LAYOUTS
from workbench import Bench

from exporters.base import BaseExporter
from exporters.changes import AccessChange, Checkpoint, Complete, ContainerChange
from stores.search import HybridSearch
from tasks.shared_documents import MOST_ENTRIES

ROOMS = ("ann", "bob", "carl")


@pytest.fixture(params=list(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> str:
    """Both: documents and ledger in one transaction, or each by itself."""
    return str(request.param)


@pytest.fixture
def mails(bench: Bench) -> Bench:
    """Three mailboxes, all empty."""
    bench.exporter_class = MailExporter
    bench.vendor.rooms = [Room(name) for name in ROOMS]
    return bench


def says(bench: Bench, mailbox: str, *entries: Entry) -> None:
    bench.vendor.says(*entries, Checkpoint({"said": bench.runs}), room=mailbox)


def stored(bench: Bench, message_id: str) -> dict[str, Any]:
    [document] = bench.index.get([f"scripted:W1:{MAIL}:{message_id}"]).values()
    return dict(document.metadata)


def readers(bench: Bench, message_id: str) -> list[str]:
    return list(stored(bench, message_id)["access"])


def labels(bench: Bench, message_id: str) -> dict[str, list[str]]:
    return {c["mailbox"]: c["labels"] for c in stored(bench, message_id)["extra"]["copies"]}


def found_by(bench: Bench, principal: str) -> set[str]:
    """What a principal finds by words and by vectors; both must say the same."""
    stores = bench.stores
    everything: dict[str, Any] = {"limit": 100, "as_user": {principal}}
    by_words = HybridSearch(stores.index).search("mail says something", **everything)
    by_both = HybridSearch(stores.index, stores.vectors, MODEL).search("of its own", **everything)
    names = {result.document.metadata["external_id"] for result in by_words}
    assert names == {result.document.metadata["external_id"] for result in by_both}
    return names


def test_a_mail_in_two_mailboxes_is_one_document_that_both_can_read(mails: Bench) -> None:
    says(mails, "ann", mail("ann", "m1", "INBOX"), mail("ann", "m2"))
    says(mails, "bob", mail("bob", "m1", "SENT"))
    first = mails.sync("ann")
    MODEL.reset()
    second = mails.sync("bob")
    assert first.counts.new == 2
    assert (second.counts.new, second.counts.changed, second.counts.access_changed) == (0, 0, 1)
    assert MODEL.texts == [], "the same text was embedded twice"
    assert mails.watch.counts["vectors.write"] == 1, "its vectors were written twice"
    assert sorted(mails.texts()) == ["m1", "m2"]
    assert readers(mails, "m1") == [ANN, BOB]
    assert labels(mails, "m1") == {"ann": ["INBOX"], "bob": ["SENT"]}
    assert stored(mails, "m1")["extra"]["copy_count"] == 2
    assert found_by(mails, ANN) == {"m1", "m2"}
    assert found_by(mails, BOB) == {"m1"}
    assert found_by(mails, CARL) == set()


def test_the_order_in_which_mailboxes_are_synced_does_not_matter(mails: Bench) -> None:
    for name in ROOMS:
        says(mails, name, mail(name, "m1", name.upper()))
    for name in ("carl", "ann", "bob"):
        mails.sync(name)
    one = mails.state()
    for name in ROOMS:
        mails.sync(name, fresh=True)
    assert mails.state() == one
    assert list(labels(mails, "m1")) == ["ann", "bob", "carl"]


def test_mailboxes_that_are_synced_at_once_leave_nobody_out(mails: Bench) -> None:
    for name in ROOMS:
        says(mails, name, *[mail(name, f"m{n}", f"{name}{n}") for n in range(60)])
    mails.stores  # noqa: B018 (opened before the threads)
    together = Barrier(len(ROOMS))

    def sync(name: str) -> None:
        together.wait()
        mails.sync(name, batch_records=5)

    with ThreadPoolExecutor(len(ROOMS)) as threads:
        list(threads.map(sync, ROOMS))
    for number in range(60):
        assert readers(mails, f"m{number}") == [ANN, BOB, CARL]
        assert len(labels(mails, f"m{number}")) == 3
    for principal in (ANN, BOB, CARL):
        assert len(found_by(mails, principal)) == 60


def test_it_stays_until_its_last_copy_is_gone(mails: Bench) -> None:
    for name in ("ann", "bob"):
        says(mails, name, mail(name, "m1"))
        mails.sync(name)
    says(mails, "ann", purged("ann", "m1"))
    first = mails.sync("ann")
    assert (first.counts.deleted, first.counts.access_changed) == (0, 1)
    assert readers(mails, "m1") == [BOB]
    assert (found_by(mails, ANN), found_by(mails, BOB)) == (set(), {"m1"})
    says(mails, "bob", purged("bob", "m1"))
    assert mails.sync("bob").counts.deleted == 1
    assert mails.texts() == {}
    assert found_by(mails, BOB) == set()


def test_a_sweep_takes_the_copy_of_one_mailbox_only(mails: Bench) -> None:
    for name in ("ann", "bob"):
        says(mails, name, *[mail(name, f"m{n}") for n in range(10)], Complete(full=True))
        mails.sync(name)
    says(mails, "ann", *[mail("ann", f"m{n}") for n in range(9)], Complete(full=True))
    mails.sync("ann", fresh=True)
    assert len(mails.texts()) == 10
    assert readers(mails, "m9") == [BOB]


def test_labels_move_without_a_fetch_and_without_embedding(mails: Bench) -> None:
    for name in ("ann", "bob"):
        says(mails, name, mail(name, "m1", "INBOX", "UNREAD"))
        mails.sync(name)
    MODEL.reset()
    mails.watch.forget()
    says(mails, "ann", relabelled("ann", "m1", "INBOX"))
    result = mails.sync("ann")
    assert (result.counts.changed, result.counts.embedded, result.counts.landed) == (1, 0, 0)
    assert labels(mails, "m1") == {"ann": ["INBOX"], "bob": ["INBOX", "UNREAD"]}
    assert MODEL.texts == []
    mails.watch.forget()
    says(mails, "ann", relabelled("ann", "m1", "INBOX"), relabelled("ann", "unknown", "X"))
    assert mails.sync("ann").counts.changed == 0
    assert mails.watch.written == 0


def test_labels_of_a_mail_that_came_in_the_same_batch_move_too(mails: Bench) -> None:
    says(mails, "ann", mail("ann", "m1", "UNREAD"), relabelled("ann", "m1", "STARRED"))
    mails.sync("ann")
    assert labels(mails, "m1") == {"ann": ["STARRED"]}


def test_other_access_of_one_copy_leaves_the_others(mails: Bench) -> None:
    for name in ("ann", "bob"):
        says(mails, name, mail(name, "m1"), mail(name, "m2"))
        mails.sync(name)
    says(mails, "ann", AccessChange(access=(ANN, CARL)))
    assert mails.sync("ann").counts.access_changed == 2
    assert readers(mails, "m1") == [ANN, BOB, CARL]
    assert found_by(mails, CARL) == {"m1", "m2"}
    said = AccessChange(access=(ANN,), entity=MAIL, external_id="ann/m2")
    says(mails, "ann", said)
    assert mails.sync("ann").counts.access_changed == 1
    assert found_by(mails, CARL) == {"m1"}
    mails.watch.forget()
    assert mails.sync("ann").counts.access_changed == 0
    assert mails.watch.written == 0


def test_a_copy_that_nobody_may_read_closes_itself_and_not_the_others(mails: Bench) -> None:
    says(mails, "ann", mail("ann", "m1", access=("deny:all",)))
    mails.sync("ann")
    assert readers(mails, "m1") == ["deny:all"]
    says(mails, "bob", mail("bob", "m1"))
    mails.sync("bob")
    assert readers(mails, "m1") == [BOB]


def test_search_shows_a_reader_their_own_labels_only(mails: Bench) -> None:
    for name in ("ann", "bob"):
        says(mails, name, mail(name, "m1", f"{name}s secret label"))
        mails.sync(name)
    search = HybridSearch(mails.stores.index, mails.stores.vectors, MODEL)

    def shown(*principals: str) -> list[str]:
        [result] = search.search("mail", as_user=set(principals))
        return [c["labels"][0] for c in result.document.metadata["extra"]["copies"]]

    [for_ann] = search.search("mail", as_user={ANN})
    assert for_ann.document.metadata["access"] == [ANN], "who else has it is nobody's business"
    assert BOB not in repr(for_ann)
    assert "copy_count" not in for_ann.document.metadata["extra"]
    assert shown(ANN) == ["anns secret label"]
    assert shown(BOB, CARL) == ["bobs secret label"]
    [operator] = search.search("mail", as_user=None)
    assert len(operator.document.metadata["extra"]["copies"]) == 2
    assert operator.document.metadata["access"] == [ANN, BOB]


def test_two_copies_in_one_mailbox_are_one_document(mails: Bench) -> None:
    twice = mail("ann", "m1", "second")
    again = type(twice)(
        type(twice.record)(
            external_id="ann/m1-again",
            entity=MAIL,
            payload=twice.record.payload,
            fetched_at=MORNING,
        )
    )
    says(mails, "ann", mail("ann", "m1", "first"), again)
    result = mails.sync("ann")
    assert result.counts.new == 1
    assert stored(mails, "m1")["extra"]["copy_count"] == 2


def test_a_mail_to_everybody_describes_a_hundred_copies_and_all_can_read_it(mails: Bench) -> None:
    many = MOST_ENTRIES + 20
    everybody = [f"p{number:03}" for number in range(many)]
    says(mails, "ann", *[mail(name, "m1") for name in everybody])
    mails.sync("ann")
    metadata = stored(mails, "m1")
    assert len(metadata["access"]) == metadata["extra"]["copy_count"] == many
    assert len(metadata["extra"]["copies"]) == MOST_ENTRIES
    assert found_by(mails, f"user:{everybody[-1]}@x.example") == {"m1"}


def test_a_refused_document_is_tried_again(mails: Bench) -> None:
    mails.index.refuses = {f"scripted:W1:{MAIL}:m1"}
    says(mails, "ann", mail("ann", "m1"), mail("ann", "m2"))
    assert mails.sync("ann").counts.failed == 1
    mails.index.refuses = set()
    mails.sync("ann", fresh=True)
    assert sorted(mails.texts()) == ["m1", "m2"]
    assert mails.letters() == []


def test_a_document_without_its_own_copy_is_a_dead_letter(mails: Bench) -> None:
    says(mails, "ann", put("a note"))
    result = mails.sync("ann")
    assert result.counts.failed == 1
    assert mails.texts() == {}


def test_a_container_is_not_said_of_shared_documents(mails: Bench) -> None:
    says(mails, "ann", ContainerChange(container={"id": "x", "name": "x", "url": None}))
    assert "containers" in str(mails.failing_sync("ann"))


def open_mail(phase: int) -> BaseExporter:
    """Two mailboxes with mails in common; then labels, access, deletes and new mails."""
    common = [[mail(name, f"m{n}", "INBOX") for n in range(20)] for name in ("ann", "bob")]
    entries: list[list[Entry]] = []
    for name, mails in zip(("ann", "bob"), common, strict=True):
        first: list[Entry] = [
            *mails[:10], Checkpoint({"page": 1}), *mails[10:], Complete(full=True),
            Checkpoint({"page": 2}),
        ]  # fmt: skip
        later = MORNING + timedelta(hours=1)
        following: list[Entry] = [
            *[relabelled(name, f"m{n}", "DONE") for n in range(0, 20, 3)],
            Checkpoint({"next": 1}),
            *[purged(name, f"m{n}") for n in range(5)],
            *[mail(name, f"x{n}", name) for n in range(8)],
            Checkpoint({"next": 2}),
            mail(name, "m7", "AGAIN", fetched_at=later),
            AccessChange(access=(f"user:{name}@x.example", CARL)),
            Checkpoint({"next": 3}),
        ]
        if name == "bob":
            following.remove(purged(name, "m3"))
        entries.append([first, following][phase])
    rooms = [Room("ann", says=entries[0]), Room("bob", says=entries[1])]
    return MailExporter(Vendor(rooms=rooms))


@pytest.mark.faults
class SharedKillAndResume(KillAndResume):
    layout: str
    random_moments = tries(4, 40)

    @pytest.fixture(scope="class")
    @classmethod
    def rehearsal(cls) -> Rehearsal:
        return Rehearsal(
            open_exporter=open_mail,
            open_stores=partial(open_embedded, cls.layout),
            people=("ann@x.example",),
        )


class TestSharedInOneFile(SharedKillAndResume):
    layout = "one file"


class TestSharedInThreeFiles(SharedKillAndResume):
    layout = "three files"
