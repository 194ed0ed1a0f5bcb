"""`data-getters transform`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from flows.commands.shared import Invocation, common_options, examples, known_source
from flows.terminal import DONE, FAILED, PARTLY_FAILED, complain, notes, output, print_json

if TYPE_CHECKING:
    from documents.errors import DataGettersError
    from tasks.reporting import Event
    from tasks.worker import WorkResult


@click.command(
    epilog=examples(
        "data-getters transform                     until nothing is left to do",
        "data-getters transform --keep-running      waits for more, until Ctrl-C or SIGTERM",
        "data-getters transform --estimate          what embedding it would take and cost",
    )
)
@click.option("--source", metavar="SOURCE", callback=known_source, help="Only of this source.")
@click.option("--connection", metavar="ACCOUNT", help="Only of this account, by id.")
@click.option("--keep-running", is_flag=True, help="Wait for more when nothing is left to do.")
@click.option(
    "--max-jobs", type=click.IntRange(1), metavar="NUMBER", help="End after so many jobs."
)
@click.option(
    "--estimate", is_flag=True, help="Only say what embedding all that waits would take and cost."
)
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    keep_running: bool,
    max_jobs: int | None,
    estimate: bool,
    as_json: bool,
    **where: Any,
) -> int:
    """Make documents of what `data-getters extract` landed.

    Any number of these may run at once, on any machines. Ctrl-C or SIGTERM ends one after the job
    at hand; what one that is killed had begun is done again. Exit code 2 when jobs failed or items
    were set aside.
    """
    if estimate:
        return _estimate(as_json, **where)
    verbose = ctx.ensure_object(Invocation).verbose
    watcher = _Watcher()
    from flows.prefect_quiet import quiet_prefect  # noqa: PLC0415 (imports Prefect)
    from tasks.reporting import listening  # noqa: PLC0415 (not needed by --help)

    with (
        notes().status("Waiting for jobs …") as status,
        listening(lambda event: watcher.on_event(event, status)),
        quiet_prefect(verbose=verbose),
    ):
        from flows.transform_worker import transform_worker  # noqa: PLC0415 (imports Prefect)

        state = transform_worker(
            **where, drain=not keep_running, max_jobs=max_jobs, return_state=True
        )
    if watcher.error is not None:
        raise watcher.error
    result = watcher.result
    if result is None:
        complain(state.message or "The run ended without a result.")
        return FAILED
    if as_json:
        print_json({**asdict(result), "counts": result.counts.as_dict(), "message": state.message})
    else:
        output().print(result.sentence, markup=False)
    return PARTLY_FAILED if result.dead or result.retried or result.counts.failed else DONE


def _estimate(as_json: bool, **where: Any) -> int:
    from tasks.transform_estimate import estimate_transform  # noqa: PLC0415 (stores, 0.5 s)

    with notes().status("Counting …"):
        estimate = estimate_transform(**where)
    if as_json:
        print_json(asdict(estimate))
    else:
        output().print(estimate.sentence, markup=False)
    return DONE


class _Watcher:
    """Listens to a worker."""

    def __init__(self) -> None:
        self.result: WorkResult | None = None
        self.error: DataGettersError | None = None

    def on_event(self, event: "Event", status: Any) -> None:
        from tasks.reporting import (  # noqa: PLC0415 (not needed by --help)
            WorkEnded,
            WorkFailed,
            WorkProgressed,
        )

        match event:
            case WorkProgressed(result=result):
                status.update(result.sentence)
            case WorkEnded(result=result):
                self.result = result
            case WorkFailed(error=error):
                self.error = error
