"""`data-getters raw`."""

from dataclasses import asdict
from datetime import datetime

import click

from flows.commands.ledger import account_id, opened_ledger
from flows.commands.shared import Group, common_options, examples, known_source, limit_option
from flows.terminal import (
    DONE,
    PARTLY_FAILED,
    counted,
    moment,
    notes,
    output,
    print_json,
    table,
)

_SHOWN = 20
_STATUSES = ("landed", "transformed", "failed", "quarantined", "deleted")


@click.group(
    cls=Group,
    options_metavar="",
    epilog=examples(
        "data-getters raw verify",
        "data-getters raw prune --keep-days 180 --dry-run",
        "data-getters raw prune --keep-gb 50",
        "data-getters raw compact",
        "data-getters raw list --status quarantined",
    ),
)
def command() -> None:
    """Verify, prune, compact and list what landed: the sources' answers as they came.

    The landing is what documents can be made of again without the source, see `data-getters
    replay`. It is never needed to search or to sync on.
    """


@command.command("verify", short_help="Look whether everything that landed is there and whole.")
@click.option("--source", metavar="SOURCE", callback=known_source, help="Only of this source.")
@click.option("--quick", is_flag=True, help="Look at the files' footers, not at every payload.")
@common_options
def verify_command(source: str | None, quick: bool, as_json: bool) -> int:
    """Look whether every file is there, whole, and holds as many payloads as it should.

    Reads every payload and compares checksums. Exit code 2 when a file is damaged or missing.
    """
    from rich.progress import Progress  # noqa: PLC0415 (not needed by --help)

    from tasks.raw_upkeep import verify_raw  # noqa: PLC0415 (stores, 0.5 s)

    with Progress(console=notes(), transient=True, disable=as_json) as bars:
        bar = bars.add_task("files", total=None)
        verified = verify_raw(
            source=source,
            quick=quick,
            passed=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    damages = verified.report.damages
    if as_json:
        print_json(verified.as_dict())
        return PARTLY_FAILED if damages else DONE
    if damages:
        from rich.markup import escape  # noqa: PLC0415 (only when something is shown)

        rows = [
            [
                escape(damage.path),
                f"{damage.rows:,}",
                f"{verified.newest.get(damage.path, 0):,}",
                escape(damage.reason),
            ]
            for damage in damages[:_SHOWN]
        ]
        output().print(
            table(
                ["file", "payloads", "newest of", "what is wrong"],
                rows,
                right=("payloads", "newest of"),
            )
        )
        if len(damages) > _SHOWN:
            output().print(f"[dim]and {len(damages) - _SHOWN} more (--json)[/]")
        output().print()
    if verified.report.leftovers:
        output().print(
            f"{counted(verified.report.leftovers, 'left-over')} of runs that were killed or go on "
            f"({_megabytes(verified.report.leftover_bytes)}): `data-getters raw prune` removes "
            "those older than a day."
        )
    output().print(verified.sentence)
    return PARTLY_FAILED if damages else DONE


@command.command("prune", short_help="Remove what landed long ago, or the oldest beyond a size.")
@click.option(
    "--keep-days",
    type=click.IntRange(0),
    metavar="DAYS",
    help="Payloads that landed longer ago may go.",
)
@click.option(
    "--keep-gb",
    type=click.FloatRange(0),
    metavar="GB",
    help="The oldest may go until no more than this is left.",
)
@click.option("--source", metavar="SOURCE", callback=known_source, help="Only of this source.")
@click.option(
    "--newest-too",
    is_flag=True,
    help="Also the newest payload of items that are still there: they cannot be replayed then.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@common_options
def prune_command(
    keep_days: int | None,
    keep_gb: float | None,
    source: str | None,
    newest_too: bool,
    dry_run: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Remove what landed long ago, or the oldest beyond a size, and left-overs of killed runs.

    A file stays while it holds the newest payload of an item that is still there, or one that was
    set aside, or one that a job is yet to read. Without --keep-days and --keep-gb only left-overs
    go. Files that are missing, and that nothing needs, are forgotten, unless needed ones are
    missing too. Documents stay as they are whatever goes.
    """
    from tasks.raw_upkeep import Retention, prune_raw  # noqa: PLC0415 (stores, 0.5 s)

    pruned = prune_raw(
        Retention(
            keep_days=keep_days,
            keep_bytes=None if keep_gb is None else round(keep_gb * 1e9),
            source=source,
            newest_too=newest_too,
        ),
        dry_run=dry_run,
    )
    if as_json:
        print_json(asdict(pruned))
        return DONE
    if dry_run:
        for path in pruned.paths[:_SHOWN]:
            output().print(path, markup=False, soft_wrap=True)
        if len(pruned.paths) > _SHOWN:
            output().print(f"[dim]and {len(pruned.paths) - _SHOWN} more (--json)[/]")
    went = "would go" if dry_run else "went"
    aside = f" ({counted(pruned.leftovers, 'left-over')} among them)" if pruned.leftovers else ""
    output().print(
        f"{counted(pruned.files, 'file')} {went}{aside}, {_megabytes(pruned.bytes)}; "
        f"{_megabytes(pruned.left_bytes)} stay."
    )
    if pruned.missing:
        forgotten = "would be forgotten" if dry_run else "forgotten"
        output().print(f"{counted(pruned.missing, 'missing file')} that nothing needs {forgotten}.")
    if pruned.kept:
        output().print(
            f"{counted(pruned.kept, 'file')} old enough to go stay, "
            f"{_megabytes(pruned.kept_bytes)}: they hold what is still needed (--newest-too)."
        )
    return DONE


@command.command("compact", short_help="Merge small files of past days.")
@click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Only what landed before this day (UTC); today unless told.",
)
@click.option(
    "--least",
    type=click.IntRange(2),
    default=8,
    show_default=True,
    metavar="NUMBER",
    help="From how many small files on a folder is worth it.",
)
@common_options
def compact_command(before: datetime | None, least: int, as_json: bool) -> int:  # fmt: skip
    """Merge small files of past days into large ones; documents find their payloads as before.

    Syncs may go on meanwhile. Merged files stay beside the large one for an hour; the next
    compaction removes them. Exit code 2 when a file cannot be read.
    """
    from tasks.raw_upkeep import compact_raw  # noqa: PLC0415 (stores, 0.5 s)

    with notes().status("Compacting …"):
        report = compact_raw(before=before.date() if before else None, least=least)
    code = PARTLY_FAILED if report.damaged else DONE
    if as_json:
        print_json(asdict(report))
        return code
    for sentence in report.damaged:
        notes().print(sentence, markup=False)
    output().print(
        f"{counted(report.merged, 'file')} merged into {report.made:,}; {report.removed:,} removed "
        f"that were merged before; {counted(report.leftovers, 'half-written file')} removed."
    )
    return code


@command.command("list", short_help="List the records that extractions landed.")
@click.option("--source", metavar="SOURCE", callback=known_source, help="Only of this source.")
@click.option("--connection", metavar="ACCOUNT", help="Only of this account, by id or title.")
@click.option("--entity", metavar="KIND", help="Only this kind of item.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only in this status.")
@limit_option(50)
@common_options
def list_command(
    source: str | None,
    connection: str | None,
    entity: str | None,
    status: str | None,
    limit: int,
    as_json: bool,
) -> int:
    """List records that `data-getters extract` landed, and what became of each.

    `landed` waits for `data-getters transform`; `failed` and `quarantined` say why. Times are in
    UTC.
    """
    from stores.ledger.types import ExtractionStatus  # noqa: PLC0415 (not needed by --help)

    with opened_ledger() as ledger:
        rows = ledger.extractions.page(
            source=source,
            connection=account_id(ledger, connection, source),
            entity=entity,
            status=ExtractionStatus(status) if status else None,
            limit=limit + 1,
        )
    rows, more = rows[:limit], len(rows) > limit
    if as_json:
        print_json([asdict(row) for row in rows])
        return DONE
    if not rows:
        output().print(f"No record is {status}." if status else "No record was extracted.")
        return DONE
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)

    output().print(
        table(
            ["source", "record", "status", "fetched", "payload", "error"],
            [
                [
                    row.source,
                    escape(row.record.key),
                    row.record.status.value,
                    moment(row.record.fetched_at),
                    escape(row.record.raw_ref or ""),
                    escape(row.record.error or ""),
                ]
                for row in rows
            ],
            whole=("source", "status", "fetched"),
            dispensable=("payload", "source"),
        )
    )
    if more:
        output().print("\nThere are more (--limit).")
    return DONE


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
