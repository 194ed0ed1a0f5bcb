"""What goes wrong is told in a sentence, and no secret with it."""

import logging
import socket
import subprocess
import sys
import traceback
from pathlib import Path
from threading import Timer

import psycopg
import pytest
from ledger_samples import Channel, record
from psycopg import sql
from servers.postgresql import PASSWORD, PostgresqlServer, conninfo
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from documents.errors import ConfigurationError, DataGettersError
from stores.errors import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)
from stores.ledger import backend, copies
from stores.ledger.ledger import Ledger
from stores.ledger.postgresql import sentence
from stores.ledger.tables import connections

SECRET = "hunter2"


def everything_told(error: BaseException) -> str:
    """All that a log may show of an error, with what caused it."""
    hint = error.hint if isinstance(error, DataGettersError) else ""
    return "".join(traceback.format_exception(error)) + repr(error) + hint


@pytest.mark.parametrize(
    "url",
    ["mysql://root:hunter2@host/db", "https://hunter2@example.com", "sqlite://", "sqlite:///"],
)
def test_other_kinds_of_url_are_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(ConfigurationError, match="A ledger cannot be kept at") as caught:
        Ledger.open(url)
    assert "postgresql://" in caught.value.hint
    assert SECRET not in everything_told(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2@hunter2@host/db",
        "postgresql://user:x@hunter2:hunter2/db",
        "postgresql://user:x@host:hunter2/db",
        "postgresql://user:a@hunter2/b@host/db",
    ],
)
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        Ledger.open(url)
    assert SECRET not in everything_told(caught.value)


def test_a_server_that_does_not_answer_is_told_from_other_failures() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        with pytest.raises(StoreUnavailableError, match="does not answer") as caught:
            Ledger.open(f"postgresql://user:{SECRET}@127.0.0.1:{port}/db?application_name={SECRET}")
    assert f"postgresql://user@127.0.0.1:{port}/db" in str(caught.value)
    assert caught.value.retryable
    assert SECRET not in everything_told(caught.value)


def test_a_wrong_password_is_never_retried(postgresql: PostgresqlServer) -> None:
    with pytest.raises(StoreError, match="does not let the ledger in") as caught:
        Ledger.open(postgresql.url_of("postgres", password=SECRET))
    assert not caught.value.retryable
    assert "user and password" in caught.value.hint
    assert SECRET not in everything_told(caught.value)


def test_a_missing_database_is_named(postgresql: PostgresqlServer) -> None:
    with pytest.raises(StoreError, match='database "nowhere" does not exist') as caught:
        Ledger.open(postgresql.url_of("nowhere"))
    assert not caught.value.retryable
    assert "createdb" in caught.value.hint
    assert PASSWORD not in everything_told(caught.value)


def test_a_user_without_rights_is_told_so(postgresql: PostgresqlServer) -> None:
    url = postgresql.new_database()
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'hunter2'")
    reader = postgresql.url_of(make_url(url).database or "", user="reader", password=SECRET)
    try:
        with pytest.raises(
            StoreReadOnlyError, match="may not be written: permission denied"
        ) as caught:
            Ledger.open(reader)
        assert SECRET not in everything_told(caught.value)
    finally:
        with psycopg.connect(conninfo(url), autocommit=True) as connection:
            connection.execute("DROP ROLE reader")


def test_a_standby_is_told_to_be_read_only(postgresql: PostgresqlServer) -> None:
    url = postgresql.new_database()
    Ledger.open(url).close()
    readonly = f"{url}?options=-cdefault_transaction_read_only%3Don"
    with pytest.raises(StoreReadOnlyError, match="read-only transaction"):
        Ledger.open(readonly).connection_id("slack", "T1", "Acme")


def test_a_server_that_was_restarted_costs_nothing(postgresql: PostgresqlServer) -> None:
    url = postgresql.new_database()
    ledger = Ledger.open(url)
    ledger.connection_id("slack", "T1", "Acme")
    with psycopg.connect(conninfo(postgresql.url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [make_url(url).database],
        )
    assert ledger.connection_id("slack", "T1", "Acme") == 1


def test_who_keeps_a_lock_is_not_waited_for_for_ever(
    postgresql: PostgresqlServer, postgresql_template: str
) -> None:
    url = postgresql.new_database(postgresql_template)
    ledger = Ledger.open(f"{url}?options=-clock_timeout%3D200")
    table = sql.Identifier(connections.name)
    with psycopg.connect(conninfo(url)) as other:
        other.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
        for waiting in (lambda: ledger.connection_id("slack", "T1", "Acme"), ledger.connections):
            with pytest.raises(StoreBusyError, match="has held a lock on the ledger") as caught:
                waiting()
            assert caught.value.retryable
            assert "pg_stat_activity" in caught.value.hint
    assert ledger.connection_id("slack", "T1", "Acme") == 1


@pytest.mark.parametrize(
    ("options", "waits"), [("", "30s"), ("?options=-c%20lock_timeout%3D5min", "5min")]
)
def test_how_long_a_lock_is_waited_for_may_be_said_in_the_url(
    options: str, waits: str, postgresql: PostgresqlServer, postgresql_template: str
) -> None:
    ledger = Ledger.open(postgresql.new_database(postgresql_template) + options)
    for connected in (ledger._backend.read, ledger._backend.write):
        with connected() as connection:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == waits


@pytest.mark.parametrize(("options", "idle"), [("", "30"), ("?keepalives_idle=7", "7")])
def test_a_server_whose_machine_vanished_is_given_up_after_a_minute(
    options: str, idle: str, postgresql: PostgresqlServer, postgresql_template: str
) -> None:
    ledger = Ledger.open(postgresql.new_database(postgresql_template) + options)
    with ledger._backend.read() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        found = driver.info.get_parameters()
    assert found["keepalives_idle"] == idle
    assert (found["keepalives_interval"], found["keepalives_count"]) == ("10", "3")
    assert found["tcp_user_timeout"] == "60000"


@pytest.mark.parametrize("space", [backend._LOCK_SPACE, copies._LOCK_SPACE])
def test_who_commits_or_merges_waits_for_another_who_does_however_long_that_takes(
    space: int, postgresql: PostgresqlServer, postgresql_template: str
) -> None:
    url = postgresql.new_database(postgresql_template)
    ledger = Ledger.open(f"{url}?options=-clock_timeout%3D50")
    channel = Channel.of(ledger)
    with psycopg.connect(conninfo(url), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, 1)", [space])
        letting_go = Timer(0.3, other.close)
        letting_go.start()
        if space == copies._LOCK_SPACE:
            with ledger.merging(1):
                assert other.closed
        else:
            channel.commit(records=[record("thread:1")])
        assert other.closed
        letting_go.join()
    with ledger._backend.write() as connection:
        ledger._backend.lock(connection, 1, space)
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "50ms"


@pytest.mark.parametrize(
    ("cause", "kind", "words"),
    [
        (psycopg.errors.DiskFull("could not extend file"), StoreFullError, "disk .* is full"),
        (psycopg.errors.LockNotAvailable("timeout"), StoreBusyError, "for too long: timeout"),
        (psycopg.errors.DeadlockDetected("deadlock"), StoreBusyError, "in the way"),
        (psycopg.errors.DataCorrupted("bad page"), StoreCorruptError, "is damaged: bad page"),
        (psycopg.errors.TooManyConnections("too many"), StoreUnavailableError, "too many"),
        (psycopg.errors.AdminShutdown("terminating"), StoreUnavailableError, "terminating"),
        (psycopg.errors.UniqueViolation("twice\nDETAIL: Key (x)=(hunter2)"), StoreError, "twice."),
        (psycopg.OperationalError("server closed the connection"), StoreUnavailableError, "closed"),
        (psycopg.OperationalError(""), StoreUnavailableError, "no reason given"),
        (psycopg.DataError("cannot contain NUL"), StoreError, "cannot contain NUL"),
    ],
)
def test_every_failure_of_postgresql_has_its_kind(
    cause: psycopg.Error, kind: type[StoreError], words: str
) -> None:
    wrapper = OperationalError if type(cause) is psycopg.OperationalError else DBAPIError
    translated = sentence(wrapper("INSERT", None, cause), "postgresql://host/db")
    assert type(translated) is kind
    assert pytest.raises(kind, match=words)
    assert SECRET not in str(translated)


def test_a_ledger_is_shown_without_its_password(
    postgresql: PostgresqlServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = postgresql.new_database()
    ledger = Ledger.open(url)
    for shown in (repr(ledger), ledger.address, repr(ledger._backend), caplog.text):
        assert PASSWORD not in shown
        assert make_url(url).render_as_string(hide_password=False) not in shown
    assert ledger.address.startswith("postgresql://tester@127.0.0.1:")


def test_what_is_not_a_store_is_told_so_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam,\n" * 100)
    with pytest.raises(StoreCorruptError, match=r"letter\.txt is not a store"):
        Ledger.open(path)
    assert path.read_text() == "Dear Sir or Madam,\n" * 100


def test_a_path_that_cannot_be_a_file_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"The store {tmp_path} is a folder"):
        Ledger.open(tmp_path)


def test_a_full_disk_costs_the_batch_and_nothing_before_it(file_ledger: Ledger) -> None:
    channel = Channel.of(file_ledger)
    channel.commit(records=[record("thread:1")], cursor={"n": 1})
    assert file_ledger.database is not None
    with file_ledger.database.transaction() as writer:
        (pages,) = writer.execute("PRAGMA page_count").fetchall()[0]
        writer.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    with pytest.raises(StoreFullError, match="nothing of the last batch was written"):
        channel.commit(records=[record(f"more:{n}") for n in range(5000)], cursor={"n": 2})

    with file_ledger.database.transaction() as writer:
        writer.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert (channel.keys(), channel.cursor()) == ({"thread:1"}, {"n": 1})
    channel.commit(records=[record("thread:2")], cursor={"n": 2})
    assert channel.keys() == {"thread:1", "thread:2"}


def test_without_the_driver_a_person_is_told_what_to_install() -> None:
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from stores.ledger.ledger import Ledger\n"
        "try: Ledger.open('postgresql://host/db')\n"
        "except Exception as error: print(type(error).__name__, error.hint)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("ConfigurationError Install it with: pip install")


def test_sqlite_urls_name_files(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.db"
    ledger = Ledger.open(f"sqlite:///{path}")
    assert ledger.database is Ledger.open(path).database
    assert ledger.address == str(path)
    assert repr(ledger) == f"Ledger('{path}')"
