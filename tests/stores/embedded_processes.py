"""Other processes that work on an embedded file, for the tests."""

import subprocess
import sys
import textwrap
from pathlib import Path

from store_samples import DIMENSIONS

from stores.sqlite.database import EmbeddedDatabase
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.vector_store import SqliteVectorStore

HERE = Path(__file__).parent

PREAMBLE = f"""
import os, sys, time
sys.path.insert(0, {str(HERE)!r})
from store_samples import *
from stores.base import SearchFilter
from stores.sqlite.database import EmbeddedDatabase
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.vector_store import SqliteVectorStore
database = EmbeddedDatabase.open(sys.argv[1])
index, vectors = SqliteDocumentIndex(database), SqliteVectorStore(database)
vectors.bind("m", DIMENSIONS)
"""


def started(path: Path, script: str, **options: object) -> "subprocess.Popen[str]":
    """A process of its own that runs a script on a store."""
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(script), str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HERE.parents[1],
        **options,  # type: ignore[call-overload]
    )


def ended(process: "subprocess.Popen[str]") -> str:
    """What a process said, after it ended well."""
    told, trouble = process.communicate(timeout=60)
    assert process.returncode == 0, trouble
    return told


def both(database: EmbeddedDatabase) -> tuple[SqliteDocumentIndex, SqliteVectorStore]:
    vectors = SqliteVectorStore(database)
    vectors.bind("m", DIMENSIONS)
    return SqliteDocumentIndex(database), vectors
