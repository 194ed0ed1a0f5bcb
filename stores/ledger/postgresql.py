"""The ledger on PostgreSQL: reading the URL, the engine, and its errors as sentences.

Nothing here lets a password out: neither the URL nor the exception of a driver that quotes it
reaches a message.
"""

import os
from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from documents.errors import ConfigurationError
from stores.errors import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)

SCHEMES: Final = ("postgresql", "postgresql+psycopg")

_CONNECT_SECONDS: Final = 10
_LOSS: Final = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""A server whose machine or network is gone is given up after a minute, whether something is waited
for or was sent. Linux alone would take more than two hours."""

_LOCK_SECONDS: Final = 30
"""How long to wait for who holds a lock, as with the embedded file. PostgreSQL would wait forever;
a lease lasts three times as long, so it outlives the wait."""

_IDLE_CONNECTIONS: Final = 4
_EXTRA_CONNECTIONS: Final = 28

# By code or class of https://www.postgresql.org/docs/current/errcodes-appendix.html.
_FAILURES: Final = (
    (
        ("53100",),
        StoreFullError,
        "The disk of the ledger {where} is full; nothing of the last batch was written.",
        "Free some space and run again: the sync goes on where it stopped.",
    ),
    (
        ("25006", "42501"),
        StoreReadOnlyError,
        "The ledger {where} may not be written: {words}.",
        "Use the primary server, and a user that may create and write tables.",
    ),
    (
        ("55P03",),
        StoreBusyError,
        "Another session has held a lock on the ledger {where} for too long: {words}.",
        "Wait for it to end, or end it (pg_stat_activity and pg_locks tell which it is), and run "
        "again.",
    ),
    (
        ("40001", "40P01"),
        StoreBusyError,
        "Another transaction was in the way of the ledger {where}: {words}.",
        "",
    ),
    (("XX001", "XX002"), StoreCorruptError, "The ledger {where} is damaged: {words}.", ""),
    (
        ("08", "53", "57", "58"),
        StoreUnavailableError,
        "The ledger {where} does not work now: {words}.",
        "",
    ),
)

_REFUSALS: Final = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted to log in",
)


def parse_url(text: str) -> URL:
    """The parts of a PostgreSQL URL.

    Raises:
        ConfigurationError: It cannot be read. The message does not repeat it.
    """
    try:
        # A second "@" is one of the password, and what follows it would be taken for the host.
        if text.count("@") > 1:
            raise ValueError
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "The URL of the ledger's PostgreSQL database cannot be read.",
            hint="It has the form postgresql://user:password@host:5432/database; write special "
            "characters in the password as %40 for @, %2F for / and so on.",
        ) from None
    return url.set(drivername="postgresql+psycopg")


def address(url: URL) -> str:
    """The URL without password and options, for a person to recognise it."""
    host = url.host or url.query.get("host") or "localhost"
    user = f"{url.username}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{user}{host if isinstance(host, str) else ','.join(host)}{port}/" + (
        url.database or ""
    )


def postgresql_engine(url: URL) -> Engine:
    """An engine with a pool for many threads; nothing is connected yet.

    Raises:
        ConfigurationError: The driver is not installed.
    """
    try:
        engine = create_engine(
            url,
            pool_pre_ping=True,  # a server that was restarted costs nobody a run
            pool_size=_IDLE_CONNECTIONS,
            max_overflow=_EXTRA_CONNECTIONS,
            hide_parameters=True,
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "application_name": "data-getters",
                **_LOSS,
                **{key: value for key, value in url.query.items() if isinstance(value, str)},
            },
        )
    except ImportError:
        raise ConfigurationError(
            "A ledger on PostgreSQL needs the package psycopg.",
            hint="Install it with: pip install 'prefect-data-getters[postgres]'.",
        ) from None
    options = url.query.get("options", "")
    if "lock_timeout" not in (options if isinstance(options, str) else " ".join(options)):
        event.listen(engine, "connect", _wait_no_longer)
    _engines.add(engine)
    return engine


def _wait_no_longer(connection: Any, record: object) -> None:
    """Limits how long a new connection waits for locks.

    By a statement, since not every proxy in front of a server lets start-up options through.
    """
    del record
    connection.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
    connection.commit()


_engines: Final[WeakSet[Engine]] = WeakSet()


def _leave_connections_to_parent() -> None:
    """A process made by `fork` must not talk on its parent's connections, nor close them."""
    for engine in _engines:
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_connections_to_parent)


def sentence(error: DBAPIError, where: str) -> StoreError:
    """What a failure of PostgreSQL means.

    Args:
        error: As SQLAlchemy raised it.
        where: The database's `address`.
    """
    state = getattr(error.orig, "sqlstate", None)
    words = _words(error)
    if state is None:
        return _connection_failure(error, words, where)
    for states, kind, text, hint in _FAILURES:
        if state.startswith(states):
            return kind(text.format(where=where, words=words), hint=hint)
    return StoreError(f"The ledger {where} failed: {words}.")


def _connection_failure(error: DBAPIError, words: str, where: str) -> StoreError:
    """A failure without a state code: libpq tells why a connection failed in words only."""
    if any(refusal in words for refusal in _REFUSALS):
        return StoreError(
            f"PostgreSQL does not let the ledger in ({where}): {words}.",
            hint="Check user and password of the ledger's URL.",
        )
    if "does not exist" in words:
        return StoreError(
            f"The ledger {where} cannot be opened: {words}.",
            hint="Create the database (createdb) or the role (createuser), or correct the URL.",
        )
    if type(error).__name__ in {"OperationalError", "InterfaceError"}:
        return StoreUnavailableError(
            f"The PostgreSQL server of the ledger {where} does not answer: {words}.",
            hint="Check host and port of the ledger's URL, and that the server is running.",
        )
    return StoreError(f"The ledger {where} failed: {words}.")


def _words(error: DBAPIError) -> str:
    """The server's own words: one line, without the values that `DETAIL` may quote."""
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    lines = (primary or str(error.orig)).strip().splitlines()
    return lines[0].rstrip(". ") if lines else "no reason given"
