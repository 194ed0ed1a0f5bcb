"""The schema: made once, moved up from an older version, left alone when it is newer."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from children import Parent, child
from ledger_samples import Channel, record
from sqlalchemy import column, inspect, select, table, text, update

from stores.errors import StoreError, StoreVersionError
from stores.ledger.ledger import Ledger
from stores.ledger.schema import MIGRATIONS, VERSION_TABLE, Migrations
from stores.ledger.tables import metadata
from stores.sqlite.database import EmbeddedDatabase

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

def upgrade():
    op.add_column("ledger_connections", sa.Column("note", sa.Text))
    op.execute("UPDATE ledger_connections SET note = 'seen by ' || title")
    op.create_table("ledger_extra", sa.Column("id", sa.Integer, primary_key=True))
"""


def next_version(folder: Path, script: str = NEXT) -> Migrations:
    """The migrations of a later version of this collection."""
    copied = folder / "migrations"
    shutil.copytree(MIGRATIONS.folder, copied, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "versions" / "v0006_next.py").write_text(script)
    return Migrations(copied, "0006")


def query(ledger: Ledger, *columns: str, of: str) -> Sequence[tuple[object, ...]]:
    with ledger._backend.read() as connection:
        rows = connection.execute(select(*map(column, columns)).select_from(table(of)))
        return [tuple(row) for row in rows]


def test_the_migrations_make_the_tables_that_the_code_uses(ledger: Ledger) -> None:
    with ledger._backend.write() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or name != VERSION_TABLE,
            },
        )
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_pages_of_records_have_room_to_be_marked_as_seen(ledger: Ledger) -> None:
    of_records = text("SELECT reloptions FROM pg_class WHERE relname = 'ledger_records'")
    with ledger._backend.read() as connection:
        assert connection.scalar(of_records) == ["fillfactor=80"]


def test_the_code_names_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS.folder)).get_current_head() == MIGRATIONS.newest


def test_a_new_ledger_is_made_and_found_again(empty_url: str) -> None:
    first = Ledger.open(empty_url)
    connection = first.connection_id("slack", "T1", "Acme")
    first.close()
    assert Ledger.open(empty_url).connection_id("slack", "T1", "Acme") == connection


def test_an_older_ledger_is_moved_up_with_its_data(own_url: str, tmp_path: Path) -> None:
    old = Ledger.open(own_url)
    Channel.of(old).commit(records=[record("thread:1")])
    old.close()

    moved = Ledger.open(own_url, migrations=next_version(tmp_path))

    assert query(moved, "version_num", of=VERSION_TABLE) == [("0006",)]
    assert query(moved, "title", "note", of="ledger_connections") == [("Acme", "seen by Acme")]
    assert Channel.of(moved).keys() == {"thread:1"}


def test_a_ledger_of_a_newer_version_is_not_touched(own_url: str, tmp_path: Path) -> None:
    Ledger.open(own_url, migrations=next_version(tmp_path)).close()
    if "://" not in own_url:
        EmbeddedDatabase.open(own_url).close()
        before = Path(own_url).read_bytes()

    expected = r"was written by a newer version \(its schema is 0006, this one knows 0005\)"
    with pytest.raises(StoreVersionError, match=expected):
        Ledger.open(own_url)

    if "://" not in own_url:
        EmbeddedDatabase.open(own_url).close()
        assert Path(own_url).read_bytes() == before
    assert Ledger.open(own_url, migrations=Migrations(tmp_path / "migrations", "0006")).runs() == []


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(own_url: str, tmp_path: Path) -> None:
    broken = next_version(tmp_path, f"{NEXT}    op.execute('SELECT nonsense FROM nowhere')\n")
    with pytest.raises(StoreError, match="nowhere"):
        Ledger.open(own_url, migrations=broken)

    ledger = Ledger.open(own_url)
    assert query(ledger, "version_num", of=VERSION_TABLE) == [("0005",)]
    with ledger._backend.read() as connection:
        assert not inspect(connection).has_table("ledger_extra")
        columns = {
            column["name"] for column in inspect(connection).get_columns("ledger_connections")
        }
    assert "note" not in columns


def test_a_ledger_before_the_first_version_is_moved_up(own_url: str) -> None:
    """The tables are dropped and the version is emptied, as alembic leaves it at `base`."""
    ledger = Ledger.open(own_url)
    with ledger._backend.write() as connection:
        metadata.drop_all(connection)
        connection.execute(table(VERSION_TABLE).delete())
    ledger.close()
    assert Ledger.open(own_url).runs() == []


def test_a_version_that_is_not_known_but_older_is_refused_in_a_sentence(own_url: str) -> None:
    ledger = Ledger.open(own_url)
    with ledger._backend.write() as connection:
        connection.execute(
            update(table(VERSION_TABLE, column("version_num"))).values(version_num="0000")
        )
    ledger.close()
    with pytest.raises(StoreVersionError, match="0000"):
        Ledger.open(own_url)


def test_processes_that_open_a_new_ledger_at_once_do_not_collide(empty_url: str) -> None:
    if "://" not in empty_url:
        EmbeddedDatabase.open(empty_url).close()  # the file is there, its tables are not

    def work(parent: Parent) -> None:
        parent.tell("ready")
        parent.wait()
        parent.tell(Ledger.open(empty_url).connection_id("slack", "T1", "Acme"))

    with child(work) as a, child(work) as b, child(work) as c:
        openers = (a, b, c)
        assert [opener.said() for opener in openers] == ["ready"] * 3
        for opener in openers:
            opener.go()
        assert [opener.said() for opener in openers] == ["1", "1", "1"]


def test_threads_that_open_a_new_ledger_at_once_do_not_collide(empty_url: str) -> None:
    start = threading.Barrier(4, timeout=20)

    def work(_: int) -> int:
        start.wait()
        return Ledger.open(empty_url).connection_id("slack", "T1", "Acme")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [1, 1, 1, 1]


def test_threads_that_open_different_new_ledgers_at_once_do_not_collide(tmp_path: Path) -> None:
    start = threading.Barrier(6, timeout=20)

    def work(number: int) -> int:
        start.wait()
        ledger = Ledger.open(tmp_path / f"{number}.db")
        return ledger.connection_id("slack", "T1", "Acme")

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [1] * 6


COST = """
import sys, time
import sqlalchemy
from stores.ledger.backend import open_backend
from stores.ledger.schema import ensure_schema
backend = open_backend(sys.argv[1])
best = 1.0
for _ in range(20):
    begun = time.process_time()
    ensure_schema(backend)
    best = min(best, time.process_time() - begun)
heavy = {name for name in ("alembic", "pyarrow") if name in sys.modules}
print(best < 0.005, heavy or "nothing heavy")
"""


def test_a_current_schema_costs_little_and_imports_nothing(url: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", COST, url], capture_output=True, text=True, check=True
    )
    assert told.stdout == "True nothing heavy\n"
