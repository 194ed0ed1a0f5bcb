"""`data-getters replay`."""

from datetime import date, datetime
from typing import Any

import click

from flows.commands.shared import Invocation, common_options, examples, known_source
from flows.commands.sync import STARTING, shown


@click.command(
    epilog=examples(
        "data-getters replay --source slack",
        "data-getters replay --source slack --since 2026-10-01 --connection T024BE7LD",
        "data-getters replay --source jira --entity issue --all",
    )
)
@click.option(
    "--source",
    metavar="SOURCE",
    required=True,
    callback=known_source,
    help="Whose documents are made again.",
)
@click.option("--connection", metavar="ACCOUNT", help="Only of this account, by id or title.")
@click.option("--entity", metavar="KIND", help="Only items of this kind: thread, message, issue.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Only payloads that landed on this day (UTC) or later.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also write documents that did not move, with new chunks and vectors.",
)
@click.option("--restart", is_flag=True, help="Begin anew where a replay was stopped half way.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    source: str,
    since: datetime | None,
    as_json: bool,
    **options: Any,
) -> int:  # fmt: skip
    """Make documents again of the payloads that landed, without asking the source.

    For a new version of this program that makes better documents, other chunks, or another
    embedding model in a new vector store (--all). Nothing is fetched: what was deleted stays
    deleted, and who may read a document stays as it was. A replay that was stopped goes on where
    it was. Syncs of the account wait meanwhile.
    """
    from exporters.registry import source as manifest_of  # noqa: PLC0415 (pydantic, 0.1 s)

    verbose = ctx.ensure_object(Invocation).verbose
    day: date | None = since.date() if since else None

    def run(progress: Any) -> Any:
        progress.say(STARTING)
        from flows.prefect_quiet import quiet_prefect  # noqa: PLC0415 (imports Prefect)

        with quiet_prefect(verbose=verbose):
            from flows.replay import replay  # noqa: PLC0415 (imports Prefect)

            return replay(source=source, since=day, **options, return_state=True)

    return shown(manifest_of(source).title, run, as_json=as_json, verbose=verbose)
