"""`data-getters reindex`."""

import sys
from typing import TYPE_CHECKING, Any

import click

from flows.commands.shared import Invocation, common_options, examples
from flows.prefect_quiet import quiet_prefect
from flows.terminal import DONE, FAILED, PARTLY_FAILED, complain, notes, output, print_json, table

if TYPE_CHECKING:
    from rich.progress import TaskID

    from documents.errors import DataGettersError
    from tasks.reindex import ReindexResult
    from tasks.reporting import Event


@click.command(
    epilog=examples(
        "data-getters reindex --list", "data-getters reindex", "data-getters reindex --vectors"
    )
)
@click.option("--all", "everything", is_flag=True, help="Also indices that are up to date.")
@click.option("--vectors", is_flag=True, help="Cut into chunks and embed anew.")
@click.option("--drop-old", is_flag=True, help="Delete the indices of before afterwards.")
@click.option("--estimate", is_flag=True, help="Only say what --vectors would take and cost.")
@click.option("--yes", is_flag=True, help="Do not ask before texts are embedded.")
@click.option("--list", "list_only", is_flag=True, help="Only show the indices there are.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    everything: bool,
    vectors: bool,
    drop_old: bool,
    estimate: bool,
    yes: bool,
    list_only: bool,
    as_json: bool,
) -> int:
    """Build indices of Elasticsearch anew where their mapping is not the one of today.

    The new index is built beside the old one and takes its place in one step; searches answer all
    the while, and syncs go on. The old index is kept until --drop-old. With --vectors the vectors
    are built anew, after a change of embedding model or chunk size: texts are embedded while syncs
    go on, then syncs wait until the vectors are written. One that is stopped goes on where it was.
    """
    if list_only:
        return _list(as_json)
    if estimate:
        return _estimate(as_json)
    if vectors and not yes and not as_json and sys.stdin.isatty() and not _wanted():
        notes().print("Nothing was embedded.")
        return DONE
    watcher = _Watcher(shown=not as_json)
    with watcher, quiet_prefect(verbose=ctx.ensure_object(Invocation).verbose):
        from flows.reindex import reindex  # noqa: PLC0415 (imports Prefect)

        state = reindex(
            everything=everything, vectors=vectors, drop_old=drop_old, return_state=True
        )
    if watcher.error is not None:
        raise watcher.error
    if watcher.result is None:
        complain(state.message or "The run ended without a result.")
        return FAILED
    result = watcher.result
    if as_json:
        print_json(
            {
                "built": result.built,
                "current": result.current,
                "vectors": result.vectors,
                "refused": result.refused,
                "split": result.split,
                "dropped": result.dropped,
            }
        )
    else:
        for built in result.built:
            output().print(
                f"{built['alias']}: {built['documents']:,} documents, {built['before']} -> "
                f"{built['now']}"
            )
        for name, reason in list(result.refused.items())[:10]:
            notes().print(f"{name}: {reason}", markup=False)
        output().print(result.sentence)
        if result.built and not drop_old:
            output().print("The indices of before are kept; --drop-old deletes them.")
    return PARTLY_FAILED if result.refused else DONE


def _estimate(as_json: bool) -> int:
    from dataclasses import asdict  # noqa: PLC0415 (not needed by --help)

    from tasks.new_vectors import estimate_vectors  # noqa: PLC0415 (stores, 0.5 s)

    with notes().status("Counting …"):
        estimate = estimate_vectors()
    if as_json:
        print_json(asdict(estimate))
    else:
        output().print(estimate.sentence)
    return DONE


def _wanted() -> bool:
    """Whether the person at the terminal wants what the estimate says."""
    from tasks.new_vectors import estimate_vectors  # noqa: PLC0415 (stores, 0.5 s)

    with notes().status("Counting …"):
        estimate = estimate_vectors()
    notes().print(estimate.sentence)
    return not estimate.texts or click.confirm("Embed them?", err=True, default=True)


class _Watcher:
    """Listens to a reindex and shows a bar for each index."""

    def __init__(self, *, shown: bool) -> None:
        self.result: ReindexResult | None = None
        self.error: DataGettersError | None = None
        self._shown = shown
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> None:
        from contextlib import ExitStack  # noqa: PLC0415 (not needed by --help)

        from rich.progress import Progress  # noqa: PLC0415 (not needed by --help)

        from tasks.reporting import listening  # noqa: PLC0415 (not needed by --help)

        self._stack = ExitStack()
        self._stack.enter_context(listening(self._on_event))
        self._progress: Progress = Progress(
            *Progress.get_default_columns(), console=notes(), disable=not self._shown
        )
        self._stack.enter_context(self._progress)

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _on_event(self, event: "Event") -> None:
        from tasks.reporting import (  # noqa: PLC0415 (not needed by --help)
            ReindexEnded,
            ReindexFailed,
            ReindexProgressed,
        )

        match event:
            case ReindexProgressed(name=name, done=done, total=total):
                if name not in self._bars:
                    self._bars[name] = self._progress.add_task(name)
                self._progress.update(self._bars[name], completed=done, total=total)
            case ReindexEnded(result=result):
                self.result = result
            case ReindexFailed(error=error):
                self.error = error


def _list(as_json: bool) -> int:
    from tasks.reindex import index_states  # noqa: PLC0415 (stores and Prefect, 1 s)

    rows: list[dict[str, Any]] = [
        {
            "alias": state.alias,
            "index": state.current.name,
            "documents": state.documents,
            "bytes": state.size,
            "outdated": state.outdated,
            "old": [old.name for old in state.old],
        }
        for state in index_states()
    ]
    if as_json:
        print_json(rows)
        return DONE
    if not rows:
        output().print("There is no index on Elasticsearch.")
        return DONE
    output().print(
        table(
            ["index", "documents", "MB", "mapping", "kept of before"],
            [
                [
                    row["index"],
                    f"{row['documents']:,}",
                    f"{row['bytes'] / 1e6:,.1f}",
                    "of before" if row["outdated"] else "of today",
                    ", ".join(row["old"]),
                ]
                for row in rows
            ],
            right={"documents", "MB"},
            whole={"index"},
        )
    )
    return DONE
