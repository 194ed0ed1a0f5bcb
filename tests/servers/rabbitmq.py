"""A RabbitMQ server for tests: on loopback, in a temporary directory, gone with the tests.

    with running_rabbitmq() as server:
        queue = RabbitMQQueue(server.url, ledger)

The server is that of `DATA_GETTERS_TEST_RABBITMQ_URL` (it cannot be killed and started again, so
tests that do so are skipped), or one that is started from the `rabbitmq-server` found under
`/usr/lib/rabbitmq` or on the path (Debian package `rabbitmq-server`). Each has ports, data, cookie
and `epmd` (Erlang's own name server) of its own, so several may run at once.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import amqp

from servers.certificates import self_signed

URL_VARIABLE = "DATA_GETTERS_TEST_RABBITMQ_URL"

USER = "tester"
PASSWORD = "p@ss/w:rd%20"  # every character that a URL has to escape

_CERTIFICATE = "certificate.pem"
_START_SECONDS = 120.0
_INSTALLED = Path("/usr/lib/rabbitmq/bin")
_EPMD = ("/usr/lib/erlang/erts-*/bin/epmd", "/usr/lib/erlang/bin/epmd")

_CONFIGURATION = """
listeners.tcp.1 = 127.0.0.1:{port}
listeners.ssl.1 = 127.0.0.1:{tls_port}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {certificate}
default_user = {user}
default_pass = {password}
loopback_users = none
log.file = false
log.console = true
log.console.level = warning
disk_free_limit.absolute = 1MB
raft.wal_max_size_bytes = 16000000
"""

# As little CPU as can be: one scheduler of each kind, which sleeps when there is nothing to do.
_ERLANG = "+S 1:1 +SDcpu 1:1 +SDio 1 +A 1 +sbwt none +sbwtdcpu none +sbwtdio none"
_LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"

# Starts and kills the server as it is told, and ends everything when its standard input is closed:
# also when the tests were killed.
_KEEPER = """
folder=$1
epmd=$2
shift 2
"$epmd" -address 127.0.0.1 -port "$ERL_EPMD_PORT" >epmd.log 2>&1 </dev/null &
names=$!
server=
while read -r order; do
    case $order in
    start)
        "$@" >>log 2>&1 </dev/null &
        server=$!
        ;;
    kill)
        kill -KILL $server
        wait $server
        ;;
    esac
    echo done
done
kill -KILL $server $names
wait
cd / && rm -rf -- "$folder"
"""


class RabbitmqUnavailable(Exception):  # noqa: N818 (a reason to skip)
    """There is no server to test with; says why."""


class RabbitmqServer:
    """A server with a user that may do everything.

    Attributes:
        url: Of its default virtual host, with user and password.
        can_be_killed: Whether `kill` and `start` work: it is ours.
    """

    can_be_killed = False

    def __init__(self, url: str) -> None:
        self.url = url

    def kill(self) -> None:
        """Kills it at once, as a power cut would."""
        raise NotImplementedError

    def start(self) -> None:
        """Starts it again on the same data, and waits until it answers."""
        raise NotImplementedError


class OwnServer(RabbitmqServer):
    """A server that the tests started.

    Attributes:
        port: Where it listens.
        tls_url: Where it listens with TLS.
        certificate: PEM file with its certificate, which no authority signed.
    """

    can_be_killed = True

    def __init__(
        self,
        keeper: "subprocess.Popen[str]",
        port: int,
        tls_port: int,
        folder: Path,
        environment: dict[str, str],
    ) -> None:
        credentials = f"{USER}:{quote(PASSWORD, safe='')}"
        super().__init__(f"amqp://{credentials}@127.0.0.1:{port}/%2F")
        self.tls_url = f"amqps://{credentials}@127.0.0.1:{tls_port}"
        self.certificate = folder / _CERTIFICATE
        self.port = port
        self._keeper = keeper
        self._environment = environment
        self._log = folder / "log"

    def kill(self) -> None:
        self._order("kill")

    def start(self) -> None:
        self._order("start")
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with amqp.Connection(f"127.0.0.1:{self.port}", USER, PASSWORD, connect_timeout=5):
                    return
            except (OSError, amqp.AMQPError) as error:
                if time.monotonic() > deadline:
                    told = self._log.read_text() if self._log.exists() else ""
                    raise RabbitmqUnavailable(f"no start: {error}\n{told[-2000:]}") from error
                time.sleep(0.2)

    def control(self, *arguments: str) -> None:
        """Runs `rabbitmqctl`."""
        program = _INSTALLED / "rabbitmqctl"
        subprocess.run(
            [program, *arguments], env=self._environment, check=True, capture_output=True
        )

    def _order(self, order: str) -> None:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.write(f"{order}\n")
        self._keeper.stdin.flush()
        assert self._keeper.stdout.readline() == "done\n"


@contextmanager
def running_rabbitmq() -> Iterator[RabbitmqServer]:
    """A server for the length of a block.

    Raises:
        RabbitmqUnavailable: None is configured, and none can be started.
    """
    configured = os.environ.get(URL_VARIABLE)
    if configured:
        yield RabbitmqServer(configured)
        return
    with own_rabbitmq() as server:
        yield server


@contextmanager
def own_rabbitmq() -> Iterator[OwnServer]:
    """A server of one's own, to be killed and started again.

    Raises:
        RabbitmqUnavailable: None can be started.
    """
    program, epmd = _programs()
    folder = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
    try:
        yield from _started(program, epmd, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(program: Path, epmd: Path, folder: Path) -> Iterator[OwnServer]:
    port, tls_port, dist_port, epmd_port = _free_ports(4)
    configuration = folder / "rabbitmq.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            port=port,
            tls_port=tls_port,
            certificate=self_signed(folder / _CERTIFICATE),
            user=USER,
            password=PASSWORD,
        )
    )
    plugins = folder / "enabled_plugins"
    plugins.write_text("[].")
    cookie = folder / ".erlang.cookie"
    cookie.write_text(secrets.token_hex(16))
    cookie.chmod(0o400)
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(folder),  # where Erlang looks for the cookie
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
        "RABBITMQ_CONFIG_FILE": str(configuration),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
        "RABBITMQ_NODENAME": f"test-{secrets.token_hex(4)}@localhost",
        "RABBITMQ_DIST_PORT": str(dist_port),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{_ERLANG} {_LOOPBACK}",
        "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server instead of minding it
    }
    keeper = subprocess.Popen(
        ["sh", "-c", _KEEPER, "sh", folder, epmd, program],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests
    )
    try:
        server = OwnServer(keeper, port, tls_port, folder, environment)
        server.start()
        yield server
    finally:
        with suppress(BrokenPipeError):
            keeper.communicate()


def _programs() -> tuple[Path, Path]:
    """`rabbitmq-server` itself (what Debian has on the path runs as another user), and `epmd`."""
    found = shutil.which("rabbitmq-server")
    candidates = [_INSTALLED / "rabbitmq-server", *([Path(found).resolve()] if found else [])]
    names = [Path(path) for path in (shutil.which("epmd"),) if path]
    names += [path for pattern in _EPMD for path in sorted(Path("/").glob(pattern[1:]))]
    for program in candidates:
        if program.exists() and names:
            return program, names[0]
    raise RabbitmqUnavailable(
        f"no RabbitMQ here: set {URL_VARIABLE}, or install the Debian package rabbitmq-server"
    )


def _free_ports(number: int) -> list[int]:
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
