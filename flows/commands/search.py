"""`data-getters search QUERY`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from flows.terminal import DONE, notes, output, print_json

if TYPE_CHECKING:
    from stores.search import SearchResult


@click.command()
@click.argument("query")
@click.option("--as-user", metavar="EMAIL", help="Find only what this person may read.")
@click.option("--source", "sources", multiple=True, help="Only of this source (repeatable).")
@click.option("--in", "containers", multiple=True, metavar="NAME", help="Only of this container.")
@click.option("--by", "authors", multiple=True, metavar="NAME", help="Only by this author.")
@click.option("--after", type=click.DateTime(["%Y-%m-%d"]), help="Not older than this day (UTC).")
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), help="Older than this day (UTC).")
@click.option("--limit", type=click.IntRange(1, 100), default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
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
) -> int:
    """Search everything that was synced, by words and by meaning.

    Without --as-user this is the operator's view: access lists are not looked at.
    """
    from stores.base import SearchFilter  # noqa: PLC0415 (stores, 0.5 s)
    from tasks.stores import open_searcher  # noqa: PLC0415 (stores, 0.5 s)

    where = SearchFilter(
        sources=sources,
        containers=tuple(name.removeprefix("#") for name in containers),
        authors=authors,
        created_after=after.replace(tzinfo=UTC) if after else None,
        created_before=before.replace(tzinfo=UTC) if before else None,
    )
    with open_searcher() as searcher:
        principals = None if as_user is None else searcher.principals_of(as_user)
        results = searcher.search.search(query, as_user=principals, limit=limit, where=where)
        if searcher.search.words_only and not as_json:
            notes().print("[dim]No embedding model is set: searching by words alone.[/]")
    if as_json:
        print_json([_as_dict(result, query) for result in results])
    else:
        _show(results, query)
    return DONE


def _show(results: "list[SearchResult]", query: str) -> None:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)
    from rich.text import Text  # noqa: PLC0415 (only when something is shown)

    console = output()
    if not results:
        console.print("Nothing was found.")
        return
    for number, result in enumerate(results, start=1):
        metadata = result.document.metadata
        container = (metadata.get("container") or {}).get("name") or ""
        author = (metadata.get("author") or {}).get("name") or ""
        day = (metadata.get("created_at") or "")[:10]
        place = " · ".join(
            part for part in (metadata.get("source"), container, author, day) if part
        )
        console.print(f"[bold]{number}. {escape(metadata.get('title') or '')}[/]")
        console.print(f"   [dim]{escape(place)}[/]")
        text = Text("   " + result.snippet.text)
        for start, end in result.snippet.highlights:
            text.stylize("bold yellow", start + 3, end + 3)
        console.print(text)
        if url := _url(result, query):
            console.print(f"   [blue]{escape(url)}[/]")
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
