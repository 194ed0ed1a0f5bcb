"""A sync on the terminal: a bar while it runs, a table and a summary when it has ended."""

from collections.abc import Iterable
from contextlib import ExitStack
from time import monotonic
from types import TracebackType
from typing import Final, Self

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from documents.errors import DataGettersError
from flows.terminal import counted, notes, number, output, shortened, table
from tasks.reporting import (
    Event,
    ItemsProgressed,
    PartitionProgressed,
    RunEnded,
    RunFailed,
    RunStarted,
    Waiting,
    listening,
)
from tasks.results import Counts, PartitionOutcome, PartitionResult, SyncResult

_ROWS_SHOWN: Final = 20
_MESSAGES_SHOWN: Final = 10
_NAMES_SHOWN: Final = 5
_LINE_SECONDS: Final = 10.0
"""How often a log file is told how far a sync came."""

_NAME_CHARACTERS: Final = 32

COLUMNS: Final = (
    ("new", "new"),
    ("changed", "changed"),
    ("unchanged", "unchanged"),
    ("access", "access_changed"),
    ("deleted", "deleted"),
    ("set aside", "failed"),
    ("embedded", "embedded"),
    ("calls", "api_calls"),
)
_DISPENSABLE: Final = ("seconds", "embedded", "calls", "unchanged", "outcome")

_STYLES: Final = {
    PartitionOutcome.COMPLETED: "green",
    PartitionOutcome.SKIPPED: "dim",
    PartitionOutcome.ATTENTION: "yellow",
    PartitionOutcome.FAILED: "red",
}

_WORDS: Final = {
    "new": "new",
    "changed": "changed",
    "access_changed": "with changed access",
    "deleted": "deleted",
    "unchanged": "unchanged",
}


def bars() -> Progress:
    """Bars on standard error, a line each; the field `counted` tells what was done so far."""
    return Progress(
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[counted]}"),
        console=notes(),
    )


def so_far(partitions: Iterable[Counts]) -> str:
    """What partitions have done so far, in a few words."""
    total = Counts()
    for counts in tuple(partitions):
        total.add(counts)
    return f"{total.written:,} written, {total.unchanged:,} unchanged"


class SyncProgress:
    """Listens to a run and shows it, on standard error.

    Attributes:
        result: What the run did, once it has ended.
        error: What it stopped with, if it stopped as a whole.
    """

    def __init__(self, title: str, *, quiet: bool = False, live: bool = True) -> None:
        """Prepares the display.

        Args:
            title: What is synced.
            quiet: Whether nothing is told where standard error is no terminal.
            live: Whether a bar may be drawn; log lines would tear it apart.
        """
        self.result: SyncResult | None = None
        self.error: DataGettersError | None = None
        self._title = title
        self._account = ""
        self._live_wanted = live and notes().is_terminal
        self._quiet = quiet and not notes().is_terminal
        self._latest: dict[str, Counts] = {}
        self._ended: set[str] = set()
        self._partitions = 0
        self._counts_items = False
        self._told = monotonic()
        self._bar = bars()
        self._task = self._bar.add_task(title, total=None, counted="")
        self._line = Text("", no_wrap=True, overflow="ellipsis")
        self._stack = ExitStack()
        self._live = Live(Group(self._bar, self._line), console=notes(), transient=True)

    def __enter__(self) -> Self:
        self._stack.enter_context(listening(self._on_event))
        if self._live_wanted:
            self._stack.enter_context(self._live)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def say(self, line: str) -> None:
        """Shows what is being done: below the bar, or as a line of its own."""
        if self._live_wanted:
            self._line.plain = f"  {line} …"
            self._live.refresh()
        elif not self._quiet:
            notes().print(f"{self._title}: {line}", markup=False)

    def show_result(self) -> None:
        """Prints the closing table, what needs a person's attention, and the summary."""
        if self.result is not None:
            _print_result(f"{self._title} · {self._account or self.result.connection}", self.result)

    def _on_event(self, event: Event) -> None:
        match event:
            case RunStarted(connection=connection, partitions=partitions):
                self._account = connection
                self._partitions = sum(not partition.unreadable for partition in partitions)
                self._bar.update(self._task, total=self._partitions)
                self.say(f"{connection}: {counted(self._partitions, 'partition')}")
            case PartitionProgressed(result=result, ended=ended):
                self._count(result, ended=ended)
            case ItemsProgressed(done=done, total=total):
                self._counts_items = True
                self._bar.update(self._task, completed=done, total=total)
            case Waiting(partition=partition, seconds=seconds, reason=reason):
                if self._live_wanted:
                    self.say(f"{partition}: waiting {seconds:.0f} s for {reason}")
            case RunEnded(result=result):
                self.result = result
            case RunFailed(error=error):
                self.error = error

    def _count(self, result: PartitionResult, *, ended: bool) -> None:
        self._latest[result.key] = result.counts
        if ended:
            self._ended.add(result.key)
        told = so_far(self._latest.values())
        if self._counts_items:
            self._bar.update(self._task, counted=told)
        else:
            self._bar.update(self._task, completed=len(self._ended), counted=told)
        if self._live_wanted:
            self.say(result.name)
        elif monotonic() - self._told >= _LINE_SECONDS:
            self._told = monotonic()
            self.say(f"{len(self._ended)} of {self._partitions} partitions; {told}")


def summary(result: SyncResult) -> str:
    """What a run did, in one line."""
    counts = result.counts
    synced = sum(p.outcome is not PartitionOutcome.SKIPPED for p in result.partitions)
    extent = (
        f"{counted(synced, 'partition')}, {counted(counts.api_calls, 'API call')}, "
        f"{result.seconds:.1f} s"
    )
    if not counts.written:
        what = counted(counts.unchanged, "item" if result.extracts else "document")
        return f"Nothing changed: {what} looked at ({extent})."
    numbers = {name: getattr(counts, name) for name in _WORDS}
    told = ", ".join(f"{value:,} {_WORDS[name]}" for name, value in numbers.items() if value)
    if result.extracts:
        return f"Items landed: {told} ({extent}). `data-getters transform` makes the documents."
    return f"Documents: {told} ({extent})."


def _print_result(title: str, result: SyncResult) -> None:
    console = output()
    total = result.counts
    told = [p for p in sorted(result.partitions, key=_importance) if _worth_a_row(p)]
    if told:
        console.print(_partition_table(title, result, told))
        console.print()
    print_messages(result)
    if total.failed:
        items = counted(total.failed, "item was", "items were")
        when = " after `data-getters transform`" if result.extracts else ""
        console.print(f"[yellow]{items} set aside[/]: see `data-getters failures list`{when}.")
    console.print(escape(summary(result)) if told else f"{escape(title)}: {summary(result)}")


def _partition_table(title: str, result: SyncResult, told: list[PartitionResult]) -> Table:
    total = result.counts
    columns = [(heading, name) for heading, name in COLUMNS if getattr(total, name)]
    headings = [heading for heading, _ in columns]
    rows = [
        [
            escape(shortened(partition.name, _NAME_CHARACTERS)),
            f"[{_STYLES[partition.outcome]}]{partition.outcome.value}[/]",
            *(number(getattr(partition.counts, name)) for _, name in columns),
            f"{partition.seconds:.1f}",
        ]
        for partition in told[:_ROWS_SHOWN]
    ]
    if (rest := len(told) - _ROWS_SHOWN) > 0:
        rows.append([f"[dim]and {rest} more[/]", *[""] * (len(columns) + 2)])
    return table(
        ["partition", "outcome", *headings, "seconds"],
        rows,
        title=escape(title),
        right=(*headings, "seconds"),
        whole=("partition", "outcome"),
        dispensable=_DISPENSABLE,
        totals=[
            "[bold]all[/]",
            "",
            *(number(getattr(total, name)) for _, name in columns),
            f"{result.seconds:.1f}",
        ],
    )


def _worth_a_row(partition: PartitionResult) -> bool:
    """Whether anything happened there; what was left out is told below the table."""
    ended_well = partition.outcome in {PartitionOutcome.COMPLETED, PartitionOutcome.SKIPPED}
    return not ended_well or bool(partition.counts.written)


def print_messages(result: SyncResult) -> None:
    """Why partitions failed or were left out; those with one reason are named together."""
    console = output()
    reasons: dict[tuple[PartitionOutcome, str], list[str]] = {}
    for partition in sorted(result.partitions, key=_importance):
        if partition.message and partition.outcome is not PartitionOutcome.COMPLETED:
            reason = partition.message.replace(f"#{partition.name}", "#…")
            reasons.setdefault((partition.outcome, reason), []).append(partition.name)
    for (outcome, reason), names in list(reasons.items())[:_MESSAGES_SHOWN]:
        told = reason.replace("#…", f"#{names[0]}" if len(names) == 1 else "them")
        more = len(names) - _NAMES_SHOWN
        named = ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
        heading = "left out" if outcome is PartitionOutcome.SKIPPED else outcome.value
        console.print(f"[{_STYLES[outcome]}]{heading}: {escape(named)}[/]. {escape(told)}")
    if len(reasons) > _MESSAGES_SHOWN:
        console.print(f"[dim]and {len(reasons) - _MESSAGES_SHOWN} more messages (--json)[/]")


def _importance(partition: PartitionResult) -> tuple[int, int, str]:
    order = [PartitionOutcome.FAILED, PartitionOutcome.ATTENTION, PartitionOutcome.COMPLETED]
    rank = order.index(partition.outcome) if partition.outcome in order else len(order)
    return rank, -partition.counts.written, partition.name
