"""Asking stores as everybody: what comes back is what the source would show, and nothing else."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from langchain_core.documents import Document

from faults.stages.base import Stage
from stores.base import SearchFilter
from stores.search import HybridSearch
from stores.settings import StoreSettings
from tasks.stores import Stores, open_stores


@contextmanager
def stores_in(folder: Path, **places: str) -> Iterator[Stores]:
    settings = StoreSettings(
        data_directory=folder, embedding_model="python:faults.words_model:MODEL", **places
    )
    stores = open_stores(settings)
    try:
        yield stores
    finally:
        stores.close()


def words_of(documents: list[Document], dice: Random) -> str:
    """What somebody may ask: words of documents, of those they must not see too."""
    document = dice.choice(documents)
    words = re.findall(r"[\w.-]{3,}", f"{document.metadata['title']} {document.page_content}")
    first = dice.randrange(len(words))
    some = words[first : first + dice.randint(1, 5)]
    return f'"{some[0]}"' if dice.random() < 0.2 else " ".join(some)


def assert_only_what_is_shown(
    stage: Stage[Any, Any], company: Any, stores: Stores, dice: Random, queries: int
) -> int:
    """Asks as everybody; how many documents came back."""
    documents = [d for d in stores.index.iterate() if d.metadata["title"] or d.page_content]
    people = stage.people(company)
    if not documents:
        return 0
    search = HybridSearch(stores.index, stores.vectors, stores.embeddings)
    narrow = HybridSearch(stores.index, stores.vectors, stores.embeddings, candidates=1)
    principals = {person: stores.ledger.principals_of(person) for person in people}
    principals["nobody@outside.example"] = stores.ledger.principals_of("nobody@outside.example")
    readers = [p for p in people if stores.index.count(SearchFilter(principals=principals[p]))]
    found = 0
    for number in range(queries):
        # Half of the questions come from those who may read something at all.
        askers = readers if number % 2 and readers else sorted(principals)
        person, asked = dice.choice(askers), words_of(documents, dice)
        results = search.search(asked, as_user=principals[person], limit=dice.choice((5, 100)))
        for result in results:
            assert person in people, (person, result.document.id)
            assert stage.may_read(company, person, result.document), (person, result.document.id)
        found += len(results)
        # Who is let see anything that matches finds it, although better matches are hidden: the
        # filter is within the query, not behind its first results.
        if results:
            assert narrow.search(asked, as_user=principals[person], limit=1), (person, asked)
    return found


def assert_all_that_is_promised(stage: Stage[Any, Any], company: Any, stores: Stores) -> int:
    """Compares the whole index as everybody; how many pairs were promised."""
    documents = list(stores.index.iterate())
    promised = 0
    for person in stage.people(company):
        where = SearchFilter(principals=stores.ledger.principals_of(person))
        shown = {document.id for document in stores.index.iterate(where)}
        for document in documents:
            if document.id in shown:
                assert stage.may_read(company, person, document), (person, document.id)
            elif stage.is_promised(company, person, document):
                raise AssertionError((person, document.id, document.metadata["access"]))
        promised += len(shown)
    return promised
