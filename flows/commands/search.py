"""`data-getters search QUERY`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from documents.errors import ConfigurationError
from flows.commands.shared import common_options, examples, known_source, nearest
from flows.terminal import DONE, counted, notes, output, print_json

if TYPE_CHECKING:
    from stores.search import SearchResult
    from tasks.stores import Searcher

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(
    epilog=examples(
        'data-getters search "why did the payment service time out?"',
        "data-getters search refunds --in support --after 2026-01-01",
        "data-getters search '\"exact words\" and more' --as-user ana@acme.com --json",
    )
)
@click.argument("query")
@click.option("--as-user", metavar="EMAIL", help="Find only what this person may read.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="SOURCE",
    callback=known_source,
    help="Only of this source (repeatable).",
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
@click.option("--after", type=_DAY, metavar="YYYY-MM-DD", help="Not older than this day (UTC).")
@click.option("--before", type=_DAY, metavar="YYYY-MM-DD", help="Older than this day (UTC).")
@click.option(
    "--limit",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    metavar="NUMBER",
    help="How many documents at most.",
)
@common_options
def command(
    query: str,
    as_user: str | None,
    sources: tuple[str, ...],
    containers: tuple[str, ...],
    authors: tuple[str, ...],
    after: datetime | None,
    before: datetime | None,
    limit: int,
    as_json: bool,
) -> int:  # fmt: skip
    """Search everything that was synced, by words and by meaning.

    What stands in quotation marks must be in the document. Without --as-user this is the operator's
    view: access lists are not looked at.
    """
    if not query.strip():
        raise ConfigurationError("There is nothing to search for.", hint="Give a few words.")
    if after and before and after >= before:
        raise ConfigurationError(
            f"No day is after {after:%Y-%m-%d} and before {before:%Y-%m-%d}.",
            hint="Exchange --after and --before.",
        )
    containers = tuple(name.removeprefix("#") for name in containers)
    from stores.base import SearchFilter  # noqa: PLC0415 (stores, 0.5 s)
    from tasks.stores import open_searcher  # noqa: PLC0415 (stores, 0.5 s)

    where = SearchFilter(
        sources=sources,
        containers=containers,
        authors=authors,
        created_after=after.replace(tzinfo=UTC) if after else None,
        created_before=before.replace(tzinfo=UTC) if before else None,
    )
    with open_searcher() as searcher:
        principals = None if as_user is None else searcher.principals_of(as_user)
        results = searcher.search.search(query, as_user=principals, limit=limit, where=where)
        if as_json:
            print_json([_as_dict(result, query) for result in results])
            return DONE
        if searcher.search.words_only:
            notes().print("[dim]No embedding model is set: searching by words alone.[/]")
        if not results:
            _show_nothing(searcher, as_user, containers, narrowed=where != SearchFilter())
    if results:
        _show(results, query)
    return DONE


def _show_nothing(
    searcher: "Searcher", as_user: str | None, containers: Iterable[str], *, narrowed: bool
) -> None:
    """What was searched, and what may be the reason that nothing was found."""
    console = output()
    console.print("Nothing was found.")
    connections = searcher.connections()
    if not any(connection.records for connection in connections):
        console.print("Nothing was synced yet: run `data-getters sync SOURCE` first.")
        return
    accounts = ", ".join(f"{state.source} ({state.title})" for state in connections)
    items = counted(sum(state.records for state in connections), "item")
    console.print(f"Searched {items} of {accounts}.", markup=False)
    names = searcher.containers()
    for name in containers:
        if name not in names:
            near = nearest(name, names)
            advice = f" Did you mean {near!r}?" if near else " See `data-getters status SOURCE`."
            console.print(f"Nothing called {name!r} was synced.{advice}", markup=False)
    if as_user is not None:
        console.print(
            f"Only what {as_user} may read was looked at; a person is known by the address they "
            "have at the source.",
            markup=False,
        )
    if narrowed:
        console.print("Try it without --source, --in, --by, --after and --before.")


def _show(results: "list[SearchResult]", query: str) -> None:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)
    from rich.table import Table  # noqa: PLC0415 (only when something is shown)
    from rich.text import Text  # noqa: PLC0415 (only when something is shown)

    from flows.snippets import plain  # noqa: PLC0415 (only when something is shown)

    console = output()
    if all(result.found_by == {"vectors"} for result in results):
        notes().print("[dim]None of these has the words you gave; they are nearest in meaning.[/]")
    for number, result in enumerate(results, start=1):
        metadata = result.document.metadata
        container = (metadata.get("container") or {}).get("name") or ""
        author = (metadata.get("author") or {}).get("name") or ""
        day = (metadata.get("created_at") or "")[:10]
        place = " · ".join(
            part for part in (metadata.get("source"), container, author, day) if part
        )
        title = metadata.get("title") or result.document.id or ""
        words, spans = plain(result.snippet.text, result.snippet.highlights)
        text = Text(words)
        for start, end in spans:
            text.stylize("bold yellow", start, end)
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_row(f"[bold]{number}.[/]", Text(title, style="bold"))
        grid.add_row("", Text(place, style="dim"))
        grid.add_row("", text)
        console.print(grid)
        if url := _url(result, query):
            # In one piece, however narrow the terminal is: it is there to be opened.
            console.print(f"{' ' * len(f'{number}. ')}[blue]{escape(url)}[/]", soft_wrap=True)
        if number < len(results):
            console.print()


def _url(result: "SearchResult", query: str) -> str | None:
    """The address of the very place that answers, where the source has one (a message)."""
    from documents.registry import document_types  # noqa: PLC0415 (langchain, 0.2 s)
    from stores.highlight import best_passage  # noqa: PLC0415 (stores, 0.5 s)
    from stores.query import analyze  # noqa: PLC0415 (stores, 0.5 s)

    start, _ = best_passage(result.passage, analyze(query), length=200)
    return document_types.typed(result.document).url_at(result.start + start)


def _as_dict(result: "SearchResult", query: str) -> dict[str, Any]:
    metadata = result.document.metadata
    return {
        "id": result.document.id,
        "score": result.score,
        "title": metadata.get("title"),
        "url": _url(result, query),
        "snippet": result.snippet.marked(),
        "passage": result.passage,
        "found_by": sorted(result.found_by),
        **{
            name: metadata.get(name)
            for name in ("source", "entity", "container", "author", "created_at", "access")
        },
    }
