"""Tables, snippets, cursors, options and the summary: the pure parts of the command line."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from documents.errors import ConfigurationError
from exporters.base import Partition
from flows.commands.shared import nearest, unknown
from flows.commands.status import readable_cursor
from flows.options import options_of, validated
from flows.progress import SyncProgress, summary
from flows.snippets import plain
from flows.terminal import counted, fitting, moment, number, shortened
from tasks.reporting import PartitionProgressed, RunEnded, RunStarted, Waiting, tell
from tasks.results import Counts, PartitionOutcome, PartitionResult, SyncResult


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("**Ana** said `pip install` and ```code```", "Ana said pip install and code"),
        ("fixed in [#12](https://git.example/12), thanks", "fixed in #12, thanks"),
        ("see <https://wiki.example/a>", "see https://wiki.example/a"),
        ("cut in the middle of a [link](https://git.exam", "cut in the middle of a link"),
        ("a_b is 3 * 4 ** 0 [sic]", "a_b is 3 * 4 0 [sic]"),
        ("", ""),
    ],
)
def test_a_snippet_reads_as_plain_text(text: str, words: str) -> None:
    assert plain(text)[0] == words


def test_highlights_stay_on_their_words() -> None:
    text = "**Refund** the [refund](https://x.example/refund)"
    words, spans = plain(text, [(2, 8), (16, 22), (39, 45)])
    assert words == "Refund the refund"
    assert [words[start:end] for start, end in spans] == ["Refund", "refund"]


@given(st.text(alphabet="ab *`[](<>)h:/\n", max_size=60), st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_highlights_stay_within_the_text_whatever_is_cut(text: str, first: int, end: int) -> None:
    span = (min(first, end, len(text)), min(max(first, end), len(text)))
    words, spans = plain(text, [span])
    assert all(0 <= start < stop <= len(words) for start, stop in spans)
    assert "**" not in words or "*" in text


def test_a_narrow_terminal_loses_the_columns_it_can_do_without() -> None:
    widths = {"name": 20, "new": 5, "calls": 6, "seconds": 8}
    order = ("seconds", "calls")
    assert fitting(widths, order, 45) == set()
    assert fitting(widths, order, 44) == {"seconds"}
    assert fitting(widths, order, 30) == {"seconds", "calls"}
    assert fitting(widths, order, 3) == {"seconds", "calls"}, "the others stay, however narrow"


def test_counts_and_times_are_readable() -> None:
    assert counted(1, "document") == "1 document"
    assert counted(1200, "document") == "1,200 documents"
    assert counted(2, "item was", "items were") == "2 items were"
    assert number(0) == "[dim]·[/]"
    assert number(12_345) == "12,345"
    zone = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 1, 2, 1, 30, tzinfo=zone)) == "2026-01-01 23:30"
    assert moment(None) == ""
    assert shortened("general", 7) == "general"
    assert shortened("generals", 7) == "genera…"


def test_a_cursor_is_told_in_words() -> None:
    cursor = {
        "newest": "1792320744.013735",
        "reached": "0001-01-01",
        "target": "0001-01-01",
        "channel": {"id": "C1"},
    }
    assert readable_cursor(cursor) == "newest 2026-10-18 10:52, reached the beginning"
    assert readable_cursor({"newest": "0", "reached": "2026-01-01"}) == "reached 2026-01-01"
    assert readable_cursor({"historyId": 4711}) == "historyId 4711"
    assert readable_cursor({}) == ""


def test_names_are_suggested_only_when_they_are_near() -> None:
    assert nearest("SLAKC", ["slack", "jira"]) == "slack"
    assert nearest("notion", ["slack", "jira"]) is None
    assert unknown("source", "x", ["a", "b"]) == "There is no source 'x'. Known are: a, b."


class Wanted(BaseModel):
    days_ago: int | None = Field(default=None, ge=0, description="How far back")
    share: float = Field(default=20, le=100, description="See days_ago.")
    kinds: list[Literal["dm", "public"]] = Field(default=["dm"], description="Kinds.")
    archived: bool = Field(default=True, description="Old ones too.")
    join: bool = Field(default=False, description="Joins.")
    export_zip: Path | None = None


def test_a_field_becomes_an_option() -> None:
    options = {option.name: option for option in options_of(Wanted)}
    assert set(options) == set(Wanted.model_fields)
    assert options["days_ago"].opts == ["--days-ago"]
    assert options["days_ago"].help == "How far back."
    assert options["share"].help == "See --days-ago.  [default: 20]"
    assert options["kinds"].multiple
    assert options["archived"].secondary_opts == ["--no-archived"]
    assert options["join"].secondary_opts == []
    assert isinstance(options["export_zip"].type, click.Path)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"days_ago": -1}, "--days-ago is -1; expected: 0 or more."),
        ({"share": 100.5}, "--share is 100.5; expected: 100 or less."),
        ({"kinds": ["x"]}, "--kinds is x; expected: 'dm' or 'public'."),
    ],
)
def test_a_wrong_value_is_told_as_it_was_typed(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validated(Wanted, values)
    assert caught.value.sentence() == sentence


def result_of(*partitions: PartitionResult) -> SyncResult:
    return SyncResult(
        run_id="r", source="slack", connection="T1", partitions=list(partitions), seconds=1.25
    )


def partition(name: str, outcome: str = "completed", **counts: int) -> PartitionResult:
    return PartitionResult(
        key=name, name=name, kind="public", outcome=PartitionOutcome(outcome),
        counts=Counts(**counts),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("partitions", "line"),
    [
        (
            [partition("a", new=1_200, changed=2, api_calls=40), partition("b", deleted=1)],
            "Documents: 1,200 new, 2 changed, 1 deleted (2 partitions, 40 API calls, 1.2 s).",
        ),
        (
            [partition("a", unchanged=1, api_calls=1), partition("b", "skipped")],
            "Nothing changed: 1 document looked at (1 partition, 1 API call, 1.2 s).",
        ),
    ],
)
def test_the_summary_is_one_line(partitions: Sequence[PartitionResult], line: str) -> None:
    assert summary(result_of(*partitions)) == line


def test_the_summary_of_an_extraction_says_what_makes_the_documents() -> None:
    result = result_of(partition("a", new=1_200, api_calls=40))
    result.extracts = True
    assert summary(result) == (
        "Items landed: 1,200 new (1 partition, 40 API calls, 1.2 s). "
        "`data-getters transform` makes the documents."
    )
    result.partitions = [partition("a", unchanged=1, api_calls=1)]
    nothing = "Nothing changed: 1 item looked at (1 partition, 1 API call, 1.2 s)."
    assert summary(result) == nothing


def test_progress_without_a_terminal_is_a_few_lines(capfd: pytest.CaptureFixture[str]) -> None:
    known = Partition(key="C1", name="general", kind="public")
    closed = Partition(key="C2", name="books", kind="public", unreadable="not a member")
    with SyncProgress("Slack") as progress:
        progress.say("starting")
        tell(RunStarted("r", "slack", "Acme", (known, closed)))
        tell(Waiting("r", "general", 30, "a rate limit"))
        tell(PartitionProgressed("r", partition("general", new=3), ended=True))
        tell(RunEnded(result_of(partition("general", new=3))))
    assert progress.result is not None
    assert capfd.readouterr().err.splitlines() == ["Slack: starting", "Slack: Acme: 1 partition"]
    with SyncProgress("Slack", quiet=True) as progress:
        progress.say("starting")
    assert capfd.readouterr().err == ""
