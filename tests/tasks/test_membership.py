"""Who may read: groups and their members, containers, and changes of a whole partition."""

from datetime import UTC, datetime, timedelta

import pytest
from scripted_source import MEMBERS, MODEL, MORNING, Room, document_id, put
from workbench import Bench

from exporters.changes import (
    AccessChange,
    Change,
    Checkpoint,
    ContainerChange,
    IdentityChange,
    MembershipChange,
)
from stores.search import HybridSearch

ANN, BOB = "ann@x.example", "bob@x.example"


def members(*people: str, as_of: datetime = MORNING, group: str = MEMBERS) -> Change:
    return MembershipChange(group, frozenset(f"user:{person}" for person in people), as_of=as_of)


def found(bench: Bench, person: str) -> set[str]:
    """What a person finds, by words or by vectors."""
    search = HybridSearch(bench.stores.index, bench.stores.vectors, MODEL)
    principals = bench.stores.ledger.principals_of(person)
    hits = search.search("kestrel", as_user=principals, limit=50)
    return {(hit.document.id or "").rpartition(":")[2] for hit in hits}


@pytest.fixture
def private(bench: Bench) -> Bench:
    """Three notes that a group reads, and one for all members of the workspace."""
    bench.vendor.says(
        members(ANN, BOB),
        members(ANN, BOB, group="workspace:W1"),
        *[put(number, f"kestrel {number}", access=[MEMBERS]) for number in range(3)],
        put("all", "kestrel for all"),
    )
    bench.sync()
    return bench


def test_members_find_and_others_do_not(private: Bench) -> None:
    assert found(private, ANN) == found(private, BOB) == {"0", "1", "2", "all"}
    assert found(private, "eve@elsewhere.example") == set()


def test_a_member_who_left_finds_nothing_after_one_sync(private: Bench) -> None:
    private.watch.forget()
    private.vendor.says(members(ANN, as_of=MORNING + timedelta(hours=1)))
    private.sync()
    assert found(private, ANN) == {"0", "1", "2", "all"}
    assert found(private, BOB) == {"all"}
    assert private.watch.written == 0, "membership is not expanded into documents"


def test_an_emptied_group_is_read_by_nobody(private: Bench) -> None:
    private.vendor.says(members(as_of=MORNING + timedelta(hours=1)))
    private.sync()
    assert found(private, ANN) == {"all"}


def test_a_group_within_a_group_counts(private: Bench) -> None:
    inner = "group:scripted:inner"
    later = MORNING + timedelta(hours=1)
    private.vendor.says(
        MembershipChange(MEMBERS, frozenset({inner}), as_of=later), members(BOB, group=inner)
    )
    private.sync()
    assert found(private, BOB) == {"0", "1", "2", "all"}
    assert found(private, ANN) == {"all"}


def test_a_person_finds_by_every_address_that_the_source_names(private: Bench) -> None:
    names = frozenset({f"user:{ANN}", "user:a.lee@x.example"})
    private.vendor.says(IdentityChange(frozenset({names}), as_of=MORNING))
    private.sync()
    assert found(private, "A.Lee@x.example") == found(private, ANN) == {"0", "1", "2", "all"}
    assert found(private, "alee@x.example") == set()
    private.vendor.says(IdentityChange(frozenset(), as_of=MORNING + timedelta(hours=1)))
    private.sync()
    assert found(private, "a.lee@x.example") == set()
    assert found(private, ANN) == {"0", "1", "2", "all"}


class TestOldLists:
    def test_an_older_list_gives_nothing_back(self, private: Bench) -> None:
        private.vendor.says(members(ANN, as_of=MORNING + timedelta(hours=1)))
        private.sync()
        private.vendor.says(members(ANN, BOB, as_of=MORNING - timedelta(days=1)))
        private.sync()
        assert found(private, BOB) == {"all"}

    def test_a_clock_that_was_ahead_does_not_keep_a_leaver_in(self, private: Bench) -> None:
        private.vendor.says(members(ANN, BOB, as_of=datetime.now(UTC) + timedelta(days=300)))
        private.sync()
        private.vendor.says(members(ANN, as_of=datetime.now(UTC)))
        private.sync()
        assert found(private, BOB) == {"all"}


class TestAWholePartition:
    def test_new_access_holds_in_both_stores_at_once(self, private: Bench) -> None:
        MODEL.reset()
        private.watch.forget()
        private.vendor.says(AccessChange(access=(f"user:{BOB}",)))
        assert private.sync().counts.access_changed == 4
        assert (found(private, ANN), found(private, BOB)) == (set(), {"0", "1", "2", "all"})
        assert "index.write" not in private.watch.ids
        assert MODEL.texts == []
        assert private.sync().counts.access_changed == 0

    def test_no_access_at_all_is_read_by_nobody(self, private: Bench) -> None:
        private.vendor.says(AccessChange(access=()))
        private.sync()
        assert found(private, ANN) == found(private, BOB) == set()
        assert private.state()["documents"][document_id(1)]["access"] == ["deny:all"]

    def test_what_follows_the_change_is_not_touched_by_it(self, private: Bench) -> None:
        private.vendor.says(
            AccessChange(access=(f"user:{BOB}",)), put("new", "kestrel new", access=[f"user:{ANN}"])
        )
        private.sync()
        assert found(private, ANN) == {"new"}

    def test_another_partition_keeps_its_access(self, private: Bench) -> None:
        private.vendor.rooms.append(Room("r2", says=[AccessChange(access=("deny:all",))]))
        private.sync("r2")
        assert found(private, ANN) == {"0", "1", "2", "all"}

    def test_a_new_name_reaches_every_document_without_embedding(self, private: Bench) -> None:
        MODEL.reset()
        before = private.state()
        change = ContainerChange(
            container={"id": "r", "name": "falconry", "url": None}, extra={"archived": True}
        )
        private.vendor.says(change, Checkpoint({"at": 1}))
        assert private.sync().counts.changed == 4
        assert MODEL.texts == []
        for fields in private.state()["documents"].values():
            assert fields["container"]["name"] == "falconry"
            assert fields["extra"]["archived"] is True
        assert private.state()["vectors"] == before["vectors"]
        hits = private.stores.index.search("falconry", limit=9)
        assert len(hits) == 4
        private.watch.forget()
        assert private.sync().counts.changed == 0
        assert private.watch.written == 0

    def test_a_name_that_is_no_principal_stops_the_partition_and_says_which(
        self, private: Bench
    ) -> None:
        private.vendor.says(AccessChange(access=("everybody",)), put("new", "kestrel"))
        stopped = private.failing_sync()
        assert "everybody" in str(stopped)
        assert found(private, ANN) == {"0", "1", "2", "all"}

    def test_one_of_a_single_item_costs_that_item(self, private: Bench) -> None:
        private.vendor.says(
            AccessChange(access=("everybody",), entity="note", external_id="1"),
            put("new", "kestrel"),
        )
        result = private.sync()
        assert (result.counts.new, result.counts.failed) == (1, 1)
        assert [letter.key for letter in private.letters()] == ["note:1"]
