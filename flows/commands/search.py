"""`data-getters search QUERY`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from documents.errors import ConfigurationError
from flows.commands.shared import common_options, examples, known_source
from flows.search_pages import Asked, Found, as_dict, show_found, show_nothing
from flows.terminal import DONE, notes, print_json

if TYPE_CHECKING:
    from stores.base import SearchFilter
    from tasks.stores import Searcher

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(
    epilog=examples(
        'data-getters search "why did the payment service time out?"',
        "data-getters search refunds --in support --after 2026-01-01",
        "data-getters search refunds --recent --context 2",
        "data-getters search '\"exact words\" and more' --as-user ana@acme.com --json",
    )
)
@click.argument("query")
@click.option("--as-user", metavar="EMAIL", help="Find only what this person may read.")
@click.option("--anonymous", is_flag=True, help="Find only what is public.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="SOURCE",
    callback=known_source,
    help="Only of this source (repeatable).",
)
@click.option(
    "--account",
    "connections",
    multiple=True,
    metavar="NAME",
    help="Only of this account or tenant (repeatable).",
)
@click.option(
    "--in",
    "containers",
    multiple=True,
    metavar="NAME",
    help="Only of this channel, project or folder (repeatable).",
)
@click.option(
    "--by", "authors", multiple=True, metavar="NAME", help="Only by this author (repeatable)."
)
@click.option(
    "--type",
    "entities",
    multiple=True,
    metavar="NAME",
    help="Only of this type, such as thread, issue, message, attachment (repeatable).",
)
@click.option("--after", type=_DAY, metavar="YYYY-MM-DD", help="Not older than this day (UTC).")
@click.option("--before", type=_DAY, metavar="YYYY-MM-DD", help="Older than this day (UTC).")
@click.option(
    "--changed-after", type=_DAY, metavar="YYYY-MM-DD", help="Changed on this day or since (UTC)."
)
@click.option(
    "--changed-before", type=_DAY, metavar="YYYY-MM-DD", help="Last changed before this day (UTC)."
)
@click.option("--recent", is_flag=True, help="Prefer what is newer, where two answer alike.")
@click.option(
    "--context",
    type=click.IntRange(0, 20),
    default=0,
    metavar="NUMBER",
    help="Show so many documents around each: its conversation, what it belongs to, its parts.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    metavar="NUMBER",
    help="How many documents at most.",
)
@click.option(
    "--page",
    type=click.IntRange(1, 1_000),
    default=1,
    metavar="NUMBER",
    help="Which page of so many documents.",
)
@common_options
def command(
    query: str,
    as_user: str | None,
    anonymous: bool,
    sources: tuple[str, ...],
    connections: tuple[str, ...],
    containers: tuple[str, ...],
    authors: tuple[str, ...],
    entities: tuple[str, ...],
    after: datetime | None,
    before: datetime | None,
    changed_after: datetime | None,
    changed_before: datetime | None,
    recent: bool,
    context: int,
    limit: int,
    page: int,
    as_json: bool,
) -> int:  # fmt: skip
    """Search everything that was synced, by words and by meaning.

    What stands in quotation marks must be in the document. Without --as-user this is the operator's
    view: access lists are not looked at.
    """
    _check(query, as_user, anonymous=anonymous)
    _check_days("--after", after, "--before", before)
    _check_days("--changed-after", changed_after, "--changed-before", changed_before)
    from stores.base import SearchFilter  # noqa: PLC0415 (stores, 0.5 s)
    from tasks.stores import open_searcher  # noqa: PLC0415 (stores, 0.5 s)

    where = SearchFilter(
        sources=sources,
        entities=entities,
        containers=tuple(name.removeprefix("#") for name in containers),
        authors=authors,
        created_after=_utc(after),
        created_before=_utc(before),
        updated_after=_utc(changed_after),
        updated_before=_utc(changed_before),
    )
    with open_searcher() as searcher:
        asked = Asked(
            query=query,
            where=_of_accounts(searcher, where, connections),
            person=None if as_user is None else searcher.person(as_user),
            anonymous=anonymous,
            limit=limit,
            page=page,
        )
        found = _search(searcher, asked, recent=recent, context=context)
        if as_json:
            print_json([as_dict(result, around) for result, around in found.results])
            return DONE
        if searcher.search.words_only:
            notes().print("[dim]No embedding model is set: searching by words alone.[/]")
        if not found.results:
            show_nothing(searcher, asked)
            return DONE
    show_found(asked, found)
    return DONE


def _check(query: str, as_user: str | None, *, anonymous: bool) -> None:
    if not query.strip():
        raise ConfigurationError("There is nothing to search for.", hint="Give a few words.")
    if as_user is not None and not as_user.strip():
        raise ConfigurationError(
            "--as-user is empty.", hint="Give an e-mail address, or --anonymous."
        )
    if as_user is not None and anonymous:
        raise ConfigurationError(
            "--as-user and --anonymous contradict each other.", hint="Leave one of them out."
        )


def _check_days(since: str, after: datetime | None, until: str, before: datetime | None) -> None:
    if after and before and after >= before:
        raise ConfigurationError(
            f"No day is after {after:%Y-%m-%d} and before {before:%Y-%m-%d}.",
            hint=f"Exchange {since} and {until}.",
        )


def _utc(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=UTC) if day else None


def _of_accounts(
    searcher: "Searcher", where: "SearchFilter", accounts: tuple[str, ...]
) -> "SearchFilter":
    """The filter with accounts that were named by id or by what a person calls them.

    Raises:
        ConfigurationError: There is no such account.
    """
    from dataclasses import replace  # noqa: PLC0415 (not needed by --help)

    known = searcher.connections()
    found: list[str] = []
    for name in accounts:
        same = [
            c.connection for c in known if name.lower() in (c.connection.lower(), c.title.lower())
        ]
        if not same:
            told = ", ".join(sorted({f"{c.title} ({c.source})" for c in known})) or "none"
            raise ConfigurationError(f"No account {name!r} was synced.", hint=f"Known are: {told}.")
        found += same
    return replace(where, connections=tuple(found))


def _search(searcher: "Searcher", asked: Asked, *, recent: bool, context: int) -> Found:
    from dataclasses import replace  # noqa: PLC0415 (not needed by --help)

    from stores.neighbours import neighbours_of  # noqa: PLC0415 (stores, 0.5 s)
    from stores.recency import Recency  # noqa: PLC0415 (stores, 0.5 s)

    principals = asked.principals
    results = searcher.search.search(
        asked.query,
        as_user=principals,
        # One more than shown tells whether there is a next page.
        limit=asked.limit + 1,
        offset=(asked.page - 1) * asked.limit,
        where=asked.where,
        recency=Recency() if recent else None,
    )
    within = replace(asked.where, principals=principals)
    shown = [
        (
            result,
            neighbours_of(searcher.search.index, result.document, where=within, limit=context)
            if context
            else [],
        )
        for result in results[: asked.limit]
    ]
    return Found(results=shown, more=len(results) > asked.limit)
