"""A sync on the terminal: a bar while it runs, a table when it has ended."""

from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from documents.errors import DataGettersError
from flows.terminal import notes, output
from tasks.reporting import (
    Event,
    PartitionProgressed,
    RunEnded,
    RunFailed,
    RunStarted,
    Waiting,
    listening,
)
from tasks.results import Counts, PartitionOutcome, PartitionResult, SyncResult

_ROWS_SHOWN: Final = 40
_MESSAGES_SHOWN: Final = 10
_ALWAYS: Final = frozenset({"new", "changed", "unchanged", "deleted"})

_COLUMNS: Final = (
    ("new", "new"),
    ("changed", "changed"),
    ("unchanged", "unchanged"),
    ("access", "access_changed"),
    ("deleted", "deleted"),
    ("failed", "failed"),
    ("embedded", "embedded"),
    ("calls", "api_calls"),
)

_STYLES: Final = {
    PartitionOutcome.COMPLETED: "green",
    PartitionOutcome.SKIPPED: "dim",
    PartitionOutcome.ATTENTION: "yellow",
    PartitionOutcome.FAILED: "red",
}


class SyncProgress:
    """Listens to a run and shows it.

    Attributes:
        result: What the run did, once it has ended.
        error: What it stopped with, if it stopped as a whole.
    """

    def __init__(self, title: str, *, shown: bool) -> None:
        """Prepares the display.

        Args:
            title: What is synced.
            shown: Whether anything is drawn.
        """
        self.result: SyncResult | None = None
        self.error: DataGettersError | None = None
        self._title = title
        self._shown = shown
        self._latest: dict[str, Counts] = {}
        self._ended: set[str] = set()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counted]}"),
            console=notes(),
        )
        self._task = self._bar.add_task(title, total=None, counted="")
        self._line = Text("")
        self._stack = ExitStack()
        self._live = Live(Group(self._bar, self._line), console=notes(), transient=True)

    def __enter__(self) -> Self:
        self._stack.enter_context(listening(self._on_event))
        if self._shown:
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
        """Shows what is being done, below the bar; without a terminal as a line of its own."""
        if not self._shown:
            return
        if notes().is_terminal:
            self._line.plain = f"  {line} …"
            self._live.refresh()
        else:
            notes().print(f"{self._title}: {line}")

    def show_result(self) -> None:
        """Prints the closing table and what needs a person's attention."""
        self._live.stop()
        if self.result is not None:
            _print_result(self._title, self.result)

    def _on_event(self, event: Event) -> None:
        match event:
            case RunStarted(connection=connection, partitions=partitions):
                readable = sum(not partition.unreadable for partition in partitions)
                self._bar.update(self._task, total=readable)
                self.say(f"{connection}: {readable} partitions")
            case PartitionProgressed(result=result, ended=ended):
                self._count(result, ended=ended)
            case Waiting(partition=partition, seconds=seconds, reason=reason):
                if notes().is_terminal:
                    self.say(f"{partition}: waiting {seconds:.0f} s for {reason}")
            case RunEnded(result=result):
                self.result = result
            case RunFailed(error=error):
                self.error = error

    def _count(self, result: PartitionResult, *, ended: bool) -> None:
        self._latest[result.key] = result.counts
        if ended:
            self._ended.add(result.key)
        total = Counts()
        for counts in tuple(self._latest.values()):
            total.add(counts)
        self._bar.update(
            self._task,
            completed=len(self._ended),
            counted=f"{total.written:,} written, {total.unchanged:,} unchanged, "
            f"{total.api_calls:,} calls",
        )
        if notes().is_terminal:
            self.say(result.name)


def _print_result(title: str, result: SyncResult) -> None:
    console = output()
    total = result.counts
    columns = [
        (heading, name) for heading, name in _COLUMNS if heading in _ALWAYS or getattr(total, name)
    ]
    table = Table(title=f"{title} · {result.connection}", title_justify="left", pad_edge=False)
    table.add_column("partition", no_wrap=True, max_width=28)
    table.add_column("outcome", no_wrap=True)
    for heading in (*(heading for heading, _ in columns), "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    shown = sorted(result.partitions, key=_importance)[:_ROWS_SHOWN]
    for partition in shown:
        table.add_row(
            escape(partition.name),
            f"[{_STYLES[partition.outcome]}]{partition.outcome.value}[/]",
            *(_number(getattr(partition.counts, name)) for _, name in columns),
            f"{partition.seconds:.1f}",
        )
    if len(result.partitions) > len(shown):
        table.add_row(f"[dim]and {len(result.partitions) - len(shown)} more[/]")
    table.add_section()
    table.add_row(
        "[bold]all[/]",
        "",
        *(_number(getattr(total, name)) for _, name in columns),
        f"{result.seconds:.1f}",
    )
    console.print(table)
    _print_messages(result)
    if total.failed:
        console.print(f"{total.failed} items were set aside: data-getters failures list")
    if not total.written and not result.needs_attention:
        console.print("Nothing changed.")


def _print_messages(result: SyncResult) -> None:
    """Why partitions failed or were left out; those with one reason are named together."""
    console = output()
    reasons: dict[tuple[PartitionOutcome, str], list[str]] = {}
    for partition in sorted(result.partitions, key=_importance):
        if partition.message and partition.outcome is not PartitionOutcome.COMPLETED:
            reason = partition.message.replace(partition.name, "…")
            reasons.setdefault((partition.outcome, reason), []).append(partition.name)
    for (outcome, reason), names in list(reasons.items())[:_MESSAGES_SHOWN]:
        told = reason.replace("…", names[0]) if len(names) == 1 else reason
        named = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        console.print(f"[{_STYLES[outcome]}]{escape(named)}[/]: {escape(told)}")
    if len(reasons) > _MESSAGES_SHOWN:
        console.print(f"[dim]and {len(reasons) - _MESSAGES_SHOWN} more messages (--json)[/]")


def _importance(partition: PartitionResult) -> tuple[int, int, str]:
    order = [PartitionOutcome.FAILED, PartitionOutcome.ATTENTION, PartitionOutcome.COMPLETED]
    rank = order.index(partition.outcome) if partition.outcome in order else len(order)
    return rank, -partition.counts.written, partition.name


def _number(value: int) -> str:
    return f"{value:,}" if value else "[dim]·[/]"
