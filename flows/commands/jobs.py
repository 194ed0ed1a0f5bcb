"""`data-getters jobs`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from documents.errors import ConfigurationError
from flows.commands.ledger import account_id, opened_ledger
from flows.commands.shared import Group, common_options, examples, known_source, limit_option
from flows.terminal import DONE, counted, moment, output, print_json, table

if TYPE_CHECKING:
    from stores.ledger.job_types import Job

_STATUSES = ("ready", "claimed", "done", "dead")


@click.group(
    cls=Group,
    options_metavar="",
    epilog=examples(
        "data-getters jobs list", "data-getters jobs list --status ready",
        "data-getters jobs show 12", "data-getters jobs retry 12 13",
        "data-getters jobs retry --all", "data-getters jobs discard 12",
    ),
)  # fmt: skip
def command() -> None:
    """List, show, retry and discard the jobs of transform workers.

    A job that fails is tried again later, and given up after a few attempts. Then it stays here
    with its error, and holds the others back no more.
    """


@command.command("list", short_help="List the jobs that were given up, or others.")
@click.option(
    "--status",
    type=click.Choice(_STATUSES),
    default="dead",
    show_default=True,
    help="In this status.",
)
@click.option("--source", metavar="SOURCE", callback=known_source, help="Only of this source.")
@click.option("--connection", metavar="ACCOUNT", help="Only of this account, by id or title.")
@click.option("--entity", metavar="KIND", help="Only about this kind of item.")
@limit_option(50)
@common_options
def list_command(
    status: str,
    source: str | None,
    connection: str | None,
    entity: str | None,
    limit: int,
    as_json: bool,
) -> int:
    """List jobs, the oldest first. Times are in UTC."""
    from stores.ledger.job_types import JobStatus  # noqa: PLC0415 (not needed by --help)

    with opened_ledger() as ledger:
        account = account_id(ledger, connection, source)
        jobs = ledger.jobs.page(
            source=source,
            connection=account,
            entity=entity,
            status=JobStatus(status),
            limit=limit + 1,
        )
        jobs, more = jobs[:limit], len(jobs) > limit
    if as_json:
        print_json([_plain(job) for job in jobs])
        return DONE
    if not jobs:
        output().print(f"No job is {status}.")
        return DONE
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)

    rows = [
        [
            str(job.id),
            job.source,
            escape(job.partition or ""),
            f"{job.rows:,}",
            str(job.attempts),
            moment(job.finished_at or job.created_at),
            escape(job.error or ""),
        ]
        for job in jobs
    ]
    output().print(
        table(
            ["number", "source", "partition", "changes", "tried", "since", "error"],
            rows,
            right=("number", "changes", "tried"),
            whole=("source", "since"),
            dispensable=("changes", "tried", "source"),
        )
    )
    if more:
        output().print("\nThere are more (--limit).")
    return DONE


@command.command("show", short_help="Show everything that is known of one job.")
@click.argument("number", type=int)
@common_options
def show_command(number: int, as_json: bool) -> int:
    """Show everything that is known of one job, with what it is about."""
    with opened_ledger() as ledger:
        job = ledger.jobs.get(number)
    if job is None:
        raise ConfigurationError(
            f"There is no job {number}.", hint="See `data-getters jobs list --status done`."
        )
    plain = _plain(job)
    if as_json:
        print_json(plain)
        return DONE
    for name, value in plain.items():
        if value not in (None, "", {}):
            output().print(f"{name:13} {value}", markup=False, soft_wrap=True)
    return DONE


@command.command("retry", short_help="Have jobs tried again that were given up.")
@click.argument("numbers", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All that were given up.")
@click.option("--source", metavar="SOURCE", callback=known_source, help="All of this source.")
@common_options
def retry_command(
    numbers: tuple[int, ...], everything: bool, source: str | None, as_json: bool
) -> int:
    """Give jobs all their attempts again; the next `data-getters transform` tries them.

    What newer jobs have said since stays: a retried job brings only what is still wanted of it.
    """
    return _on_dead(numbers, everything, source, as_json, retries=True)


@command.command("discard", short_help="Remove jobs that were given up.")
@click.argument("numbers", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All that were given up.")
@click.option("--source", metavar="SOURCE", callback=known_source, help="All of this source.")
@common_options
def discard_command(
    numbers: tuple[int, ...], everything: bool, source: str | None, as_json: bool
) -> int:
    """Remove jobs that were given up: what they say is not done.

    What is missing by that comes with `data-getters extract end SOURCE` and then `data-getters sync
    SOURCE --rescan`; otherwise when it moves at its source.
    """
    return _on_dead(numbers, everything, source, as_json, retries=False)


def _on_dead(
    numbers: tuple[int, ...],
    everything: bool,
    source: str | None,
    as_json: bool,
    *,
    retries: bool,
) -> int:
    from stores.ledger.job_types import JobFilter, JobStatus  # noqa: PLC0415 (as below)
    from stores.opening import open_queue  # noqa: PLC0415 (stores, 0.5 s)
    from stores.settings import load_store_settings  # noqa: PLC0415 (stores, 0.5 s)

    if not (numbers or everything or source):
        raise click.UsageError("Name jobs by their numbers, or give --all.")
    with opened_ledger() as ledger, open_queue(load_store_settings(), ledger) as queue:
        for number in numbers:
            job = ledger.jobs.get(number)
            if job is None or job.status is not JobStatus.DEAD:
                raise ConfigurationError(
                    f"The job {number} was not given up.", hint="See `data-getters jobs list`."
                )
        do = queue.replay if retries else queue.discard
        done = do(list(numbers) or None, only=JobFilter(source=source))
    if as_json:
        print_json({"jobs": done})
    else:
        what = "will be tried again" if retries else "discarded"
        output().print(f"{counted(done, 'job')} {what}.")
        if done and not retries:
            output().print(
                "What they would have done is missing: `data-getters extract end SOURCE` and then "
                "`data-getters sync SOURCE --rescan` bring it."
            )
    return DONE


def _plain(job: "Job") -> dict[str, Any]:
    plain = asdict(job)
    del plain["token"], plain["connection_id"], plain["partition_id"]
    return plain
