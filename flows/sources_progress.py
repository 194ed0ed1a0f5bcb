"""Several sources on the terminal: a bar each while they run, a row each when they have ended."""

from contextlib import ExitStack
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import TaskID
from rich.text import Text

from documents.errors import DataGettersError
from exporters.registry import source
from flows.progress import COLUMNS, bars, print_messages, so_far, summary
from flows.terminal import counted, notes, number, output, table
from tasks.reporting import (
    Event,
    PartitionProgressed,
    RunEnded,
    RunFailed,
    RunStarted,
    Waiting,
    listening,
)
from tasks.results import Counts, SyncResult

_DISPENSABLE: Final = ("seconds", "embedded", "calls", "unchanged", "account")


class _Running:
    """One source's part of the display."""

    def __init__(self, started: RunStarted, bar: TaskID) -> None:
        self.title = source(started.source).title
        self.account = started.connection
        self.bar = bar
        self.latest: dict[str, Counts] = {}
        self.ended: set[str] = set()


class SourcesProgress:
    """Listens to runs and shows them, on standard error.

    Attributes:
        results: What each run did that came to its end.
        errors: What runs stopped with that stopped as a whole.
    """

    def __init__(self, *, quiet: bool = False, live: bool = True) -> None:
        """Prepares the display.

        Args:
            quiet: Whether nothing is told where standard error is no terminal.
            live: Whether bars may be drawn; log lines would tear them apart.
        """
        self.results: list[SyncResult] = []
        self.errors: list[DataGettersError] = []
        self._live_wanted = live and notes().is_terminal
        self._quiet = quiet and not notes().is_terminal
        self._running: dict[str, _Running] = {}
        self._lock = Lock()
        self._bars = bars()
        self._line = Text("", no_wrap=True, overflow="ellipsis")
        self._stack = ExitStack()
        self._live = Live(Group(self._bars, self._line), console=notes(), transient=True)

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

    @property
    def anything_done(self) -> bool:
        """Whether at least one source brought something home."""
        return any(result.anything_done for result in self.results)

    @property
    def needs_attention(self) -> bool:
        """Whether something is missing or was held back."""
        return bool(self.errors) or any(result.needs_attention for result in self.results)

    def say(self, line: str) -> None:
        """Shows what is being done: below the bars, or as a line of its own."""
        if self._live_wanted:
            self._line.plain = f"  {line} …"
            self._live.refresh()
        elif not self._quiet:
            notes().print(f"All sources: {line}", markup=False)

    def as_dicts(self) -> list[dict[str, Any]]:
        """What each run did, as plain values."""
        return [result.as_dict() for result in self._in_order()]

    def show_results(self) -> None:
        """Prints a row for each source, what needs a person's attention, and a summary of each."""
        results = self._in_order()
        if not results:
            return
        columns = [(h, n) for h, n in COLUMNS if any(getattr(r.counts, n) for r in results)]
        headings = [heading for heading, _ in columns]
        console = output()
        console.print(
            table(
                ["source", "account", *headings, "seconds"],
                [self._row(result, [name for _, name in columns]) for result in results],
                right=(*headings, "seconds"),
                whole=("source",),
                dispensable=_DISPENSABLE,
            )
        )
        for result in results:
            console.print()
            console.print(f"[bold]{escape(self._title(result))}[/]: {escape(summary(result))}")
            print_messages(result)
            if failed := result.counts.failed:
                items = counted(failed, "item was", "items were")
                console.print(f"[yellow]{items} set aside[/]: see `data-getters failures list`.")

    def _row(self, result: SyncResult, names: list[str]) -> list[str]:
        return [
            escape(source(result.source).title),
            escape(self._running[result.run_id].account),
            *(number(getattr(result.counts, name)) for name in names),
            f"{result.seconds:.1f}",
        ]

    def _title(self, result: SyncResult) -> str:
        running = self._running[result.run_id]
        return f"{running.title} · {running.account}"

    def _in_order(self) -> list[SyncResult]:
        return sorted(self.results, key=lambda result: (result.source, result.connection))

    def _on_event(self, event: Event) -> None:
        with self._lock:
            match event:
                case RunStarted():
                    self._begin(event)
                case PartitionProgressed() if event.run_id in self._running:
                    self._count(self._running[event.run_id], event)
                case Waiting() if event.run_id in self._running and self._live_wanted:
                    title = self._running[event.run_id].title
                    self.say(
                        f"{title}, {event.partition}: waiting {event.seconds:.0f} s for "
                        f"{event.reason}"
                    )
                case RunEnded():
                    self.results.append(event.result)
                case RunFailed():
                    self.errors.append(event.error)

    def _begin(self, event: RunStarted) -> None:
        total = sum(not partition.unreadable for partition in event.partitions)
        title = source(event.source).title
        bar = self._bars.add_task(f"{title} · {event.connection}", total=total, counted="")
        self._running[event.run_id] = _Running(event, bar)
        self.say(f"{title} · {event.connection}: {counted(total, 'partition')}")

    def _count(self, running: _Running, event: PartitionProgressed) -> None:
        running.latest[event.result.key] = event.result.counts
        if event.ended:
            running.ended.add(event.result.key)
        told = so_far(running.latest.values())
        self._bars.update(running.bar, completed=len(running.ended), counted=told)
