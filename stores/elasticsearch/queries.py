"""From a search text and a `SearchFilter` to Elasticsearch's query language.

A text is read by `stores.query` as for every other store, so none can say more than plain words.
Words are ranked by BM25F over title, body and names (`combined_fields`), with the weights of the
embedded index.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from documents.principals import DENY_ALL
from stores.base import SearchFilter
from stores.entries import to_microseconds
from stores.query import PAIR_WEIGHT, TextQuery

Query = dict[str, Any]

_WORD_FIELDS: Final = ("metadata.title^3", "page_content^1", "names^1")
"""How much a word counts in title, body and names. A weight multiplies how often a word is there,
and none may be below 1: with 6, 2 and 1, twice the embedded index's, a word that is there once
counted as if it were there twice, and BM25 told documents apart less well (Cranfield, nDCG@10:
.523, now .546)."""

_EXACT_FIELDS: Final = ("metadata.title.exact^3", "page_content.exact^1", "names^0.5")
_PHRASE_FIELDS: Final = ("metadata.title^3", "page_content^1", "names^0.5")
_PAIR_FIELDS: Final = ("metadata.title", "page_content")

_TERMS_AT_ONCE: Final = 60_000
"""Below `index.max_terms_count`, 65,536."""


def text_query(terms: TextQuery, where: SearchFilter | None) -> Query:
    """The query that ranks documents by words, among those that pass a filter."""
    should: list[Query] = []
    if terms.words:
        should.append(
            {
                "combined_fields": {
                    "query": " ".join((*terms.words, *terms.repeated)),
                    "fields": list(_WORD_FIELDS),
                    "operator": "or",
                }
            }
        )
    should += [_phrase(identifier, _EXACT_FIELDS) for identifier in terms.identifiers]
    should += [_phrase(pair, _PAIR_FIELDS, boost=PAIR_WEIGHT) for pair in terms.pairs]
    must = [_phrase(quoted, _PHRASE_FIELDS) for quoted in terms.quoted]
    query: Query = {
        "must": must,
        "should": should,
        "minimum_should_match": 0 if must else 1,
        "filter": filters(where),
    }
    return {"bool": query}


def filters(where: SearchFilter | None) -> list[Query]:
    """The conditions that let through exactly what a filter allows; empty for everything.

    Raises:
        ValueError: A time of the filter has no zone.
    """
    if where is None:
        return []
    conditions: list[Query] = []
    for field, allowed in (
        ("metadata.source", where.sources),
        ("metadata.connection", where.connections),
        ("metadata.entity", where.entities),
    ):
        if allowed:
            conditions.append(_terms(field, allowed))
    if where.containers:
        conditions.append(
            _any(_terms(f"metadata.container.{name}", where.containers) for name in ("id", "name"))
        )
    if where.authors:
        conditions.append(
            _any(
                _terms(f"metadata.author.{name}", where.authors) for name in ("id", "name", "email")
            )
        )
    for field, after, before in (
        ("created", where.created_after, where.created_before),
        ("updated", where.updated_after, where.updated_before),
    ):
        if after is not None or before is not None:
            conditions.append(_between(field, after, before))
    if where.principals is not None:
        conditions.append(
            {
                "bool": {
                    "filter": [_terms("metadata.access", sorted(where.principals))],
                    # Beside others it wins over them.
                    "must_not": [{"term": {"metadata.access": DENY_ALL}}],
                }
            }
        )
    return conditions


def filtered(where: SearchFilter | None) -> Query:
    """The query of everything that passes a filter."""
    conditions = filters(where)
    return {"bool": {"filter": conditions}} if conditions else {"match_all": {}}


def _between(field: str, after: datetime | None, before: datetime | None) -> Query:
    bounds: dict[str, int] = {}
    if after is not None:
        bounds["gte"] = to_microseconds(after)
    if before is not None:
        bounds["lt"] = to_microseconds(before)
    return {"range": {field: bounds}}


def _phrase(text: str, fields: Sequence[str], boost: float = 1.0) -> Query:
    phrase = {"query": text, "type": "phrase", "fields": list(fields), "boost": boost}
    return {"multi_match": phrase}


def _any(queries: Iterable[Query]) -> Query:
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def _terms(field: str, values: Sequence[str]) -> Query:
    # Half a character equals nothing that is stored; an empty name means "not told", not a value.
    wanted = [value for value in values if value and _whole(value)]
    parts = [
        {"terms": {field: wanted[first : first + _TERMS_AT_ONCE]}}
        for first in range(0, len(wanted), _TERMS_AT_ONCE)
    ]
    return parts[0] if len(parts) == 1 else _any(parts) if parts else {"match_none": {}}


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
