"""Documents made in a process of their own are the same, and what does harm there costs itself."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hostile_source import MANIFEST, HostileExporter, HostileSelection, HostileSettings

from documents.errors import DataGettersError
from exporters.changes import RawRecord, Upsert
from exporters.errors import InvalidDataError
from tasks.batches import EncodedUpsert, encoded
from tasks.making import LocalMaker, Made, Recipe
from tasks.making_process import FEWEST, Order, ProcessMaker

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECIPE = Recipe(exporter=HostileExporter(), store_name="documents", characters=1_000)


def item(number: int, does: str = "", **payload: Any) -> EncodedUpsert:
    record = RawRecord(
        entity="note", external_id=f"{number}", payload={"does": does, **payload},
        occurred_at=NOON, fetched_at=NOON, url=f"https://hostile.example/{number}",
    )  # fmt: skip
    made = encoded(Upsert(record), 1)
    assert isinstance(made, EncodedUpsert)
    return made


def order(**selection: Any) -> Order:
    return Order(MANIFEST, HostileSelection(**selection), HostileSettings(), 1_000)


def maker_of(**options: Any) -> ProcessMaker:
    return ProcessMaker(order(), RECIPE, **{"seconds": 30, "always": True, **options})


@pytest.fixture(scope="module")
def maker() -> Iterator[ProcessMaker]:
    made = maker_of()
    yield made
    made.close()
    made.close()


def plain(made: Made) -> Any:
    if isinstance(made, Exception):
        return (type(made), str(made))
    return [(type(d), d.id, d.page_content, d.metadata) for d in made]


def test_documents_made_there_are_those_made_here(maker: ProcessMaker) -> None:
    items = [item(number) for number in range(20)]
    assert [*map(plain, maker.make(items))] == [*map(plain, LocalMaker(RECIPE).make(items))]


def test_a_record_that_makes_no_sense_is_told_as_it_is_here(maker: ProcessMaker) -> None:
    made = maker.make([item(1), item(2, "raise"), item(3)])
    assert [isinstance(one, Exception) for one in made] == [False, True, False]
    assert isinstance(made[1], InvalidDataError)
    assert str(made[1]) == "It makes no sense."


def test_what_a_reader_prints_does_not_get_between_the_answers(maker: ProcessMaker) -> None:
    made = maker.make([item(1, "print"), item(2)])
    assert not any(isinstance(one, Exception) for one in made)


def test_the_process_knows_nothing_of_our_environment(
    maker: ProcessMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-canary-of-the-making")
    other = maker_of()
    [[document]] = [one for one in other.make([item(1, "tell")]) if isinstance(one, list)]
    other.close()
    assert "SLACK_BOT_TOKEN" not in document.page_content
    assert not document.page_content.startswith(f"{os.getpid()} ")


def test_a_record_that_crashes_the_process_costs_itself_alone() -> None:
    maker = maker_of()
    made = maker.make([item(1), item(2, "crash"), item(3)])
    maker.close()
    assert [isinstance(one, Exception) for one in made] == [False, True, False]
    assert isinstance(made[1], InvalidDataError)
    assert str(made[1]) == "The note 2 could not be made a document: it crashed."
    assert made[1].external_id == "2"


def test_a_record_that_never_ends_is_given_up_in_time() -> None:
    maker = maker_of(seconds=2)
    made = maker.make([item(1), item(2, "hang"), item(3)])
    maker.close()
    assert [isinstance(one, Exception) for one in made] == [False, True, False]
    assert str(made[1]).endswith("could not be made a document: it took more than 2 seconds.")


def test_several_threads_may_ask_at_once(maker: ProcessMaker) -> None:
    lists = [[item(number) for number in range(n, n + 15)] for n in range(0, 120, 15)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(maker.make, lists))
    for items, answer in zip(lists, answers, strict=True):
        texts = [made[0].page_content for made in answer if isinstance(made, list)]
        assert texts == [f"text of {one.record.external_id}" for one in items]


def test_a_few_are_made_here_without_any_process() -> None:
    maker = maker_of(always=False)
    [[document]] = [m for m in maker.make([item(1, "tell")]) if isinstance(m, list)]
    maker.close()
    assert document.page_content.startswith(f"{os.getpid()} ")


def test_many_are_made_here_until_the_process_is_up() -> None:
    maker = maker_of(always=False)
    items = [item(number, "tell") for number in range(FEWEST)]

    def pid() -> int:
        made = maker.make(items)[0]
        assert isinstance(made, list)
        return int(made[0].page_content.split()[0])

    assert pid() == os.getpid()
    assert maker._child is not None
    assert maker._child.is_up(60)
    assert pid() != os.getpid()
    maker.close()


def test_a_process_that_cannot_start_is_done_without_unless_it_is_wanted() -> None:
    here = ProcessMaker(order(refuses=True), RECIPE, seconds=30)
    items = [item(number) for number in range(FEWEST)]
    for _ in range(2):
        assert not any(isinstance(made, Exception) for made in here.make(items))
    here.close()
    apart = ProcessMaker(order(refuses=True), RECIPE, seconds=30, always=True)
    with pytest.raises(DataGettersError, match="did not start"):
        apart.make(items)
    apart.close()
