"""A PostgreSQL server for tests: on loopback, in a temporary directory, gone with the tests.

    with running_postgresql() as server:
        url = server.new_database()

The server is that of `DATA_GETTERS_TEST_POSTGRESQL_URL` (a user that may create databases), or one
that is started from the `initdb` and `postgres` found on the path or under `/usr/lib/postgresql`
(Debian package `postgresql`).
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

URL_VARIABLE = "DATA_GETTERS_TEST_POSTGRESQL_URL"

USER = "tester"
PASSWORD = "p@ss/w:rd%20"  # every character that a URL has to escape

_START_SECONDS = 30.0
_INSTALLED = Path("/usr/lib/postgresql")

# Nothing is kept, so nothing need be flushed to the disk.
_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")

# Stops and starts the server as told, a word a line, and ends it when its standard input is closed:
# also when the tests were killed.
_KEEPER = """
folder=$1
shift
start() { "$@" >>log 2>&1 </dev/null & server=$!; }
start "$@"
while read -r word; do
    case $word in
        start) start "$@" ;;
        stop) kill -INT $server; wait $server; echo stopped ;;
    esac
done
kill -QUIT $server
wait $server
cd / && rm -rf -- "$folder"
"""


class PostgresqlUnavailable(Exception):  # noqa: N818 (a reason to skip)
    """There is no server to test with; says why."""


class PostgresqlServer:
    """A server with a user that may create databases.

    Attributes:
        url: Of its maintenance database, with user and password.
    """

    def __init__(
        self, url: str, keeper: "subprocess.Popen[bytes] | None" = None, log: Path | None = None
    ) -> None:
        self.url = url
        self._keeper = keeper
        self._log = log
        self._made: list[str] = []

    @property
    def is_ours(self) -> bool:
        """Whether it can be stopped and started."""
        return self._keeper is not None

    def stop(self) -> None:
        """Stops it, and whoever is connected, as an operator does."""
        self._tell("stop")
        assert self._keeper is not None
        assert self._keeper.stdout is not None
        self._keeper.stdout.readline()

    def start(self) -> None:
        """Starts it again, and waits until it answers."""
        self._tell("start")
        self.wait()

    def wait(self) -> None:
        """Waits until it answers.

        Raises:
            PostgresqlUnavailable: It does not.
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(conninfo(self.url)).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    told = self._log.read_text() if self._log and self._log.exists() else ""
                    raise PostgresqlUnavailable(
                        f"the server did not start: {error}\n{told}"
                    ) from error
                time.sleep(0.05)
            else:
                return

    def _tell(self, word: str) -> None:
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(f"{word}\n".encode())
        self._keeper.stdin.flush()

    def new_database(self, template: str | None = None) -> str:
        """Makes an empty database, or a copy of another, and gives its URL."""
        name = f"test_{secrets.token_hex(6)}"
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(
                sql.Identifier(make_url(template).database or "")
            )
        self._execute(statement)
        self._made.append(name)
        return self.url_of(name)

    def url_of(self, database: str, *, user: str | None = None, password: str | None = None) -> str:
        """The URL of a database, for the tests' user unless told."""
        url = make_url(self.url).set(database=database)
        if user is not None:
            url = url.set(username=user, password=password)
        elif password is not None:
            url = url.set(password=password)
        return url.render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Drops a database that was made, whoever is still connected to it."""
        name = make_url(url).database or ""
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
        self._made.remove(name)

    def close(self) -> None:
        """Drops the databases that were made."""
        for name in [*self._made]:
            self.drop(self.url_of(name))

    def _execute(self, statement: sql.Composable) -> None:
        with psycopg.connect(conninfo(self.url), autocommit=True) as connection:
            connection.execute(statement)


def conninfo(url: str) -> str:
    """A URL as libpq reads it."""
    parts = make_url(url)
    return make_conninfo(
        host=parts.host,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        dbname=parts.database,
    )


@contextmanager
def running_postgresql() -> Iterator[PostgresqlServer]:
    """A server for the length of a block.

    Raises:
        PostgresqlUnavailable: None is configured, and none can be started.
    """
    configured = os.environ.get(URL_VARIABLE)
    if configured:
        server = PostgresqlServer(configured)
        try:
            yield server
        finally:
            server.close()
        return
    programs = _programs()
    account = _account()
    # Not in pytest's temporary directory, which other users may not enter.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        yield from _started(programs, account, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(
    programs: Path, account: pwd.struct_passwd | None, folder: Path
) -> Iterator[PostgresqlServer]:
    # PostgreSQL refuses to run as root.
    identity = (
        {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    )
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    data = folder / "data"
    made = subprocess.run(
        [
            programs / "initdb",
            f"--pgdata={data}",
            f"--username={USER}",
            f"--pwfile={secret}",
            "--auth=md5",  # scram takes 8 ms of CPU a connection
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **identity,  # type: ignore[call-overload]
    )
    if made.returncode:
        raise PostgresqlUnavailable(f"initdb failed: {made.stderr.strip()}")
    port = _free_port()
    options = ["-h127.0.0.1", f"-p{port}"]
    options += [f"-c{setting}" for setting in (*_SETTINGS, f"unix_socket_directories={folder}")]
    keeper = subprocess.Popen(
        ["sh", "-c", _KEEPER, "sh", folder, programs / "postgres", "-D", data, *options],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **identity,  # type: ignore[call-overload]
    )
    try:
        url = make_url("postgresql://127.0.0.1/postgres").set(
            port=port, username=USER, password=PASSWORD
        )
        address = url.render_as_string(hide_password=False)
        server = PostgresqlServer(address, keeper, folder / "log")
        server.wait()
        yield server
    finally:
        with suppress(BrokenPipeError):
            keeper.communicate()


def _programs() -> Path:
    """The folder of `initdb` and `postgres`.

    `pg_ctl` on the path may be Debian's wrapper, whose folder has no `postgres`.
    """
    found = shutil.which("postgres")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(_INSTALLED.glob("*/bin"), reverse=True)
    for folder in candidates:
        if all((folder / name).exists() for name in ("initdb", "postgres")):
            return folder
    raise PostgresqlUnavailable(
        f"no PostgreSQL here: set {URL_VARIABLE}, or install the Debian package postgresql"
    )


def _account() -> pwd.struct_passwd | None:
    """Whom to run the server as; None for whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresqlUnavailable("PostgreSQL refuses to run as root, and there is no user nobody")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
