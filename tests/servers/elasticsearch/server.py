"""Runs an installed Elasticsearch as a child process on a loopback port.

    with ElasticsearchServer(install()) as server:
        client = elasticsearch.Elasticsearch(server.url)

The server is started by its own launcher, as in production: same start-up checks, entitlements and
native libraries. It lives in a folder of its own under the system's temporary folder, which
survives `ElasticsearchServer.kill` and `ElasticsearchServer.stop` so that it can be started again
on the same data, and goes when the context manager ends.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from servers.elasticsearch.installation import Installation, Unavailable, install
from servers.elasticsearch.programs import Programs, ServerError, free_ports, wait_until_closed

__all__ = ["ElasticsearchServer", "Installation", "ServerError", "Unavailable", "install"]

Setting: TypeAlias = str | int | float | bool

SUPERUSER = "elastic"
"""The user that exists from the start where a password is given."""

_DEFAULTS: dict[str, Setting] = {
    "cluster.name": "tests",
    "node.name": "tests-1",
    "network.host": "127.0.0.1",
    "discovery.type": "single-node",
    "xpack.security.enabled": False,
    # A test machine with a full disk would otherwise turn every index read-only.
    "cluster.routing.allocation.disk.threshold_enabled": False,
}

# After the distribution's own options: no collector log, no heap touched before it is needed.
_JVM_OPTIONS = """\
-Xms{heap}
-Xmx{heap}
-XX:-AlwaysPreTouch
-XX:-HeapDumpOnOutOfMemoryError
-Xlog:disable
-Xlog:all=warning:stderr:utctime,level,tags
"""
# Costs a third less CPU over all the tests: a server that lives for minutes does not earn back what
# the second compiler takes.
_QUICK_COMPILER_ONLY = "-XX:TieredStopAtLevel=1\n"

# Its input ends when the test process does, however that ends; then the server and its folder go.
_WATCHDOG = 'cat > /dev/null; kill -s KILL -- "-$1"; rm -rf -- "$2"'


class ElasticsearchServer:
    """One single-node Elasticsearch on a loopback port.

    Attributes:
        url: ``http://127.0.0.1:<port>``, ``https`` with ``tls``; the same after every restart.
        settings: What ``elasticsearch.yml`` holds besides the defaults. A change takes effect with
            the next `start`, so a test may restart with another thread pool or body limit.
        installation: The installed release it runs.
        directory: Its folder, with ``config``, ``data``, ``logs`` and ``output.log``.
        password: Of the user ``elastic`` where security is on, else None.
        certificate: The PEM file to trust where ``tls`` is on, else None.
    """

    def __init__(
        self,
        installation: Installation,
        *,
        settings: Mapping[str, Setting] | None = None,
        heap: str = "512m",
        lasting: bool = False,
        password: str | None = None,
        tls: bool = False,
    ) -> None:
        """Prepares a server without starting it.

        Args:
            installation: From `install`.
            settings: For ``elasticsearch.yml``, such as ``{"http.max_content_length": "1mb"}``.
            heap: Size of the Java heap; the process takes some 350 MB besides.
            lasting: Whether what runs often is to run as fast as it can, as a benchmark needs it.
            password: Turns security on, with a superuser ``elastic`` of this password.
            tls: Serves HTTPS with a certificate made for the purpose; needs a password.

        Raises:
            Unavailable: The server would run as a user who cannot read the installation.
            ServerError: The password or the certificate could not be set up.
        """
        if tls and password is None:
            raise ValueError("tls needs a password: the server has no TLS without security")
        self.installation = installation
        self.settings: dict[str, Setting] = dict(settings or {})
        self.password = password
        self.certificate: Path | None = None
        self._http_port, self._transport_port = free_ports(2)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._http_port}"
        self.directory = Path(tempfile.mkdtemp(prefix="elasticsearch-"))
        self._output = self.directory / "output.log"
        self._launcher: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        try:
            self._programs = Programs(installation, self.directory)
            options = _JVM_OPTIONS.format(heap=heap) + ("" if lasting else _QUICK_COMPILER_ONLY)
            self._prepare(options, tls)
        except BaseException:
            self.remove()
            raise

    def _prepare(self, jvm_options: str, tls: bool) -> None:
        for name in ("data", "logs", "tmp"):
            (self.directory / name).mkdir()
        config = self.directory / "config"
        shutil.copytree(self.installation.home / "config", config)
        (config / "jvm.options.d").mkdir(exist_ok=True)
        (config / "jvm.options.d" / "tests.options").write_text(jvm_options)
        self._programs.give(self.directory)
        if self.password is not None:
            self._programs.run(
                "elasticsearch-keystore",
                *("add", "--force", "--stdin", "bootstrap.password"),
                reads=self.password,
            )
        if tls:
            made = self.directory / "tmp" / "http.zip"
            self._programs.run(
                "elasticsearch-certutil",
                *("cert", "--silent", "--self-signed", "--pem", "--name", "http"),
                *("--dns", "localhost", "--ip", "127.0.0.1", "--days", "2", "--out", str(made)),
            )
            with zipfile.ZipFile(made) as archive:
                archive.extractall(config)
            self._programs.give(config / "http")
            self.certificate = config / "http" / "http.crt"

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._launcher is not None and self._launcher.poll() is None

    def start(self, timeout: float = 180.0) -> None:
        """Starts the server and waits until it answers and has recovered every shard.

        Raises:
            ServerError: It ended, or was not ready within ``timeout`` seconds.
        """
        if self.running:
            return
        # JSON is YAML, without its surprises about what is a string.
        (self.directory / "config" / "elasticsearch.yml").write_text(
            json.dumps(self._configuration(), indent=2)
        )
        with self._output.open("ab") as output:
            self._launcher = self._programs.start("elasticsearch", output=output)
        self._watchdog = subprocess.Popen(
            ["sh", "-c", _WATCHDOG, "sh", str(self._launcher.pid), str(self.directory)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        deadline = time.monotonic() + timeout
        while not self._ready():
            ended = not self.running
            if ended or time.monotonic() > deadline:
                self.kill()
                said = "\n".join(self._output.read_text(errors="replace").splitlines()[-25:])
                what = "ended while starting" if ended else f"was not ready after {timeout:.0f} s"
                raise ServerError(f"Elasticsearch {what}:\n{said}")
            time.sleep(0.1)

    def stop(self, timeout: float = 60.0) -> None:
        """Ends the server as an administrator would; its data stays."""
        if self._launcher is not None and self.running:
            self._launcher.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._launcher.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """Ends the server with SIGKILL, in the middle of whatever it does; its data stays."""
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            watchdog.kill()
            watchdog.communicate()
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            # The launcher and the server it started are one process group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(launcher.pid, signal.SIGKILL)
            launcher.wait()
            wait_until_closed(self._http_port)

    def restart(self, timeout: float = 180.0) -> None:
        """Stops the server if it runs and starts it on the same data and port."""
        self.stop()
        self.start(timeout)

    def remove(self) -> None:
        """Ends the server at once and deletes its folder."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.remove()

    def _configuration(self) -> dict[str, Setting]:
        configuration: dict[str, Setting] = {
            **_DEFAULTS,
            "path.data": str(self.directory / "data"),
            "path.logs": str(self.directory / "logs"),
            "http.port": self._http_port,
            "transport.port": self._transport_port,
        }
        if self.password is not None:
            configuration["xpack.security.enabled"] = True
        if self.certificate is not None:
            configuration["xpack.security.http.ssl.enabled"] = True
            configuration["xpack.security.http.ssl.certificate"] = "http/http.crt"
            configuration["xpack.security.http.ssl.key"] = "http/http.key"
        return {**configuration, **self.settings}

    def _ready(self) -> bool:
        """Whether the health request is answered, with no shard still recovering."""
        path = "/_cluster/health?wait_for_status=yellow&timeout=1s"
        headers = {}
        if self.password is not None:
            token = base64.b64encode(f"{SUPERUSER}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        connection = self._connection()
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self.certificate is None:
            return http.client.HTTPConnection("127.0.0.1", self._http_port, timeout=10)
        trust = ssl.create_default_context(cafile=str(self.certificate))
        return http.client.HTTPSConnection("127.0.0.1", self._http_port, timeout=10, context=trust)
