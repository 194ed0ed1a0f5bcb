"""Makes the contract suites in this folder importable from the folders below it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stores.sqlite.database import EmbeddedDatabase


@pytest.fixture
def database(tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    """An embedded file of its own."""
    database = EmbeddedDatabase.open(tmp_path / "store.db")
    yield database
    database.close()
