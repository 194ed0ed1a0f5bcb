"""What `data-getters search` shows: results, and a page where there are none."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flows.commands.shared import nearest
from flows.terminal import counted, moment, notes, output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from stores.base import DocumentIndex, SearchFilter
    from stores.ledger.types import Person
    from stores.neighbours import Neighbour
    from stores.search import SearchResult
    from tasks.stores import Searcher

_COLORS: Final = {"slack": "magenta", "gmail": "red", "jira": "blue"}
"""Of the sources' names; others are cyan."""

_RELATIONS: Final = {
    "parent": "belongs to",
    "before": "before",
    "after": "after",
    "part": "with it",
}
_PREFIXES: Final = re.compile(r"^(?:(?:re|fw|fwd)\s*:\s*)+", re.IGNORECASE)
"""What mail programs put before the subject of an answer."""

_GIST_CHARACTERS: Final = 400
_SAME_CHARACTERS: Final = 20
"""A text in which so much of the title stands says the title itself."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A search as it was asked for.

    Attributes:
        query: The words.
        where: The filter, without principals.
        person: For whom; None for the operator and for nobody in particular.
        anonymous: For nobody in particular.
        limit: Documents on a page.
        page: From 1.
    """

    query: str
    where: "SearchFilter"
    person: "Person | None"
    anonymous: bool
    limit: int
    page: int

    @property
    def principals(self) -> frozenset[str] | None:
        """By what it is searched; None for everything."""
        if self.person is not None:
            return self.person.principals
        return frozenset({"public"}) if self.anonymous else None


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of results, each with what stands around it.

    Attributes:
        results: At most as many as asked for.
        more: Whether there is a further page.
    """

    results: "Sequence[tuple[SearchResult, list[Neighbour]]]"
    more: bool


def as_dict(result: "SearchResult", around: "Sequence[Neighbour]") -> dict[str, Any]:
    """A result for scripts."""
    metadata = result.document.metadata
    told = {
        "id": result.document.id,
        "score": result.score,
        "title": metadata.get("title"),
        "url": result.url,
        "snippet": result.snippet.marked(),
        "passage": result.passage,
        "found_by": sorted(result.found_by),
        **{
            name: metadata.get(name)
            for name in (
                "source", "connection", "entity", "container", "author", "created_at",
                "updated_at", "access",
            )
        },
    }  # fmt: skip
    if around:
        told["context"] = [
            {
                "relation": neighbour.relation,
                "id": neighbour.document.id,
                "text": neighbour.document.page_content,
                **{
                    name: neighbour.document.metadata.get(name)
                    for name in ("title", "url", "entity", "author", "created_at")
                },
            }
            for neighbour in around
        ]
    return told


def show_found(asked: Asked, found: Found) -> None:
    """Shows a page of results."""
    console = output()
    if all(result.found_by == {"vectors"} for result, _ in found.results):
        notes().print("[dim]None of these has the words you gave; they are nearest in meaning.[/]")
    if asked.person is not None and not asked.person.lists:
        notes().print(f"[dim]{standing(asked.person)}[/]", markup=True)
    first = (asked.page - 1) * asked.limit + 1
    for number, (result, around) in enumerate(found.results, start=first):
        if number > first:
            console.print()
        _show_result(console, number, result)
        for neighbour in around:
            _show_neighbour(console, number, neighbour, beside=_title(result.document))
    last = first + len(found.results) - 1
    parts = []
    if found.more or asked.page > 1:
        shown = f"{first} to {last}" if last > first else f"{first}"
        parts.append(f"{shown}, more with --page {asked.page + 1}" if found.more else shown)
    if asked.person is not None and asked.person.lists:
        parts.append(f"what {asked.person.email} may read, as of {moment(asked.person.as_of)} UTC")
    if asked.anonymous:
        parts.append("what is public")
    if parts:
        console.print(f"\n[dim]{' · '.join(parts)}[/]")


def _show_result(console: "Console", number: int, result: "SearchResult") -> None:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)
    from rich.table import Table  # noqa: PLC0415 (only when something is shown)
    from rich.text import Text  # noqa: PLC0415 (only when something is shown)

    from flows.snippets import plain  # noqa: PLC0415 (only when something is shown)

    words, spans = plain(result.snippet.text, result.snippet.highlights)
    text = Text(words)
    for start, end in spans:
        text.stylize("bold yellow", start, end)
    title = Text(_title(result.document), style="bold")
    if words.startswith(title.plain):
        # Said once, and with what matches marked.
        title, text = text[: len(title)], text[len(title) :]
        title.stylize("bold")
    text = text[len(text.plain) - len(text.plain.lstrip(" #")) :]
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(f"[bold]{number}.[/]", title)
    grid.add_row("", _place(result.document.metadata))
    if text.plain:
        grid.add_row("", text)
    console.print(grid)
    if result.url:
        # In one piece, however narrow the terminal is: it is there to be opened.
        indent = " " * len(f"{number}. ")
        console.print(f"{indent}[blue]{escape(result.url)}[/]", soft_wrap=True)


def _show_neighbour(
    console: "Console", number: int, neighbour: "Neighbour", *, beside: str
) -> None:
    from rich.text import Text  # noqa: PLC0415 (only when something is shown)

    metadata = neighbour.document.metadata
    line = Text(" " * len(f"{number}. "))
    line.append(f"{_RELATIONS[neighbour.relation]:<10}", style="dim cyan")
    author = (metadata.get("author") or {}).get("name")
    day = (metadata.get("created_at") or "")[:16].replace("T", " ")
    line.append(" · ".join(part for part in (day, author) if part) + "  ", style="dim")
    line.append(_gist(neighbour.document, beside))
    console.print(line, no_wrap=True, overflow="ellipsis")


def _gist(document: Any, beside: str) -> str:
    """The title of a document and its beginning; without what was said already.

    Args:
        document: What stands beside a result.
        beside: The title of that result: mails of a conversation have all the same.
    """
    from flows.snippets import plain  # noqa: PLC0415 (only when something is shown)

    title = _title(document)
    text, _ = plain(" ".join(document.page_content[:_GIST_CHARACTERS].split()))
    if text and _PREFIXES.sub("", title) == _PREFIXES.sub("", beside):
        return text
    begin = text.find(title[:_SAME_CHARACTERS].rstrip("…"))
    return text[begin:] if begin >= 0 else f"{title}: {text}" if text else title


def _title(document: Any) -> str:
    return " ".join(str(document.metadata.get("title") or document.id or "").split())


def _place(metadata: dict[str, Any]) -> "Text":
    """The source in its color, and where, by whom and when."""
    from rich.text import Text  # noqa: PLC0415 (only when something is shown)

    source = str(metadata.get("source") or "")
    parts = [
        (metadata.get("container") or {}).get("name"),
        (metadata.get("author") or {}).get("name"),
        (metadata.get("created_at") or "")[:10],
    ]
    line = Text(source, style=_COLORS.get(source, "cyan"))
    for part in parts:
        if part:
            line.append(f" · {part}", style="dim")
    return line


def show_nothing(searcher: "Searcher", asked: Asked) -> None:
    """What was searched, and what may be the reason that nothing was found."""
    console = output()
    if asked.page > 1:
        console.print(f"There is no page {asked.page}.")
        return
    console.print("[bold]Nothing was found.[/]")
    for line in _reasons(searcher, asked):
        console.print(line, markup=False)


def _reasons(searcher: "Searcher", asked: Asked) -> Iterator[str]:
    connections = searcher.connections()
    index = searcher.search.index
    everything = index.count()
    if not everything and not any(connection.records for connection in connections):
        yield "Nothing was synced yet: run `data-getters sync SOURCE` first."
        return
    accounts = ", ".join(f"{state.source} ({state.title})" for state in connections)
    synced = max((c.updated_at for c in connections if c.updated_at), default=None)
    told = f", synced last {moment(synced)} UTC" if synced else ""
    yield f"Searched {counted(everything, 'document')} of {accounts}{told}."
    readable = everything
    if asked.principals is not None:
        within = replace(asked.where, principals=asked.principals)
        readable = index.count(_only(within, "principals"))
        yield _may_read(asked, readable)
    left = index.count(replace(asked.where, principals=asked.principals))
    names = searcher.containers()
    untold = [name for name in asked.where.containers if not _is_known(index, name)]
    for name in untold:
        near = nearest(name, names)
        advice = f" Did you mean {near!r}?" if near else " See `data-getters status SOURCE`."
        yield f"Nothing called {name!r} was synced.{advice}"
    if readable and not left and not untold:
        yield from _excluding(searcher, asked)
    elif left and left != readable:
        yield f"{counted(left, 'document')} of these pass the filters; none answers the question."
    if '"' in asked.query:
        yield "What is in quotation marks must be in a document word for word: try it without them."


def _is_known(index: "DocumentIndex", container: str) -> bool:
    from stores.base import SearchFilter  # noqa: PLC0415 (stores, 0.5 s)

    return index.count(SearchFilter(containers=(container,))) > 0


def _may_read(asked: Asked, readable: int) -> str:
    count = counted(readable, "document")
    if asked.person is None:
        return f"Only what is public was looked at: {count}."
    if not asked.person.lists:
        return f"{standing(asked.person).rstrip('.')}: {count}."
    lists = counted(asked.person.lists, "list")
    return (
        f"Only what {asked.person.email} may read was looked at: {count}, by {lists} of members, "
        f"the oldest of {moment(asked.person.as_of)} UTC."
    )


def standing(person: "Person") -> str:
    """What is known of somebody whom no list names, in a sentence."""
    if person.standing == "left":
        return (
            f"{person.email} was deactivated or has left, by what the sources told "
            f"{_when(person.as_of)}: only what is public was looked at."
        )
    return (
        f"{person.email} is in no list of members that a source told ({_when(person.as_of)}): only "
        "what is public, or names that very address, was looked at."
    )


def _when(time: datetime | None) -> str:
    return f"as of {moment(time)} UTC" if time else "none told its members yet"


_FLAGS: Final = {
    "sources": "--source",
    "connections": "--account",
    "containers": "--in",
    "authors": "--by",
    "entities": "--type",
    "created_after": "--after",
    "created_before": "--before",
    "updated_after": "--changed-after",
    "updated_before": "--changed-before",
}


def _only(where: "SearchFilter", *kept: str) -> "SearchFilter":
    """A filter of which only some fields are kept."""
    return type(where)(**{name: getattr(where, name) for name in kept})


def _excluding(searcher: "Searcher", asked: Asked) -> Iterator[str]:
    """Which filters let nothing through, alone or only together."""
    index = searcher.search.index
    where = replace(asked.where, principals=asked.principals)
    given = [f.name for f in fields(where) if f.name in _FLAGS and getattr(where, f.name)]
    alone = [name for name in given if not index.count(_only(where, name, "principals"))]
    for name in alone:
        value = getattr(where, name)
        shown = f"{value:%Y-%m-%d}" if isinstance(value, datetime) else " or ".join(value)
        yield f"No document passes {_FLAGS[name]} {shown}: try it without."
    if given and not alone:
        flags = [_FLAGS[name] for name in given]
        yield f"No document passes {', '.join(flags[:-1])} and {flags[-1]} together: leave one out."
