"""A real Prefect server for tests: on loopback, in a folder of its own, one for all of them.

    @pytest.mark.prefect
    def test_x(prefect_server: PrefectServer) -> None: ...

The tests that use it carry the mark, so that one worker of pytest-xdist runs them all (see
`tests/conftest.py`) and one server is started.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_START_SECONDS = 120.0
_ROOT = Path(__file__).parents[2]

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_COLORS": "false",
}


class PrefectUnavailable(Exception):  # noqa: N818 (a reason to skip)
    """The server did not start; says why."""


@dataclass(frozen=True)
class PrefectServer:
    """A running server.

    Attributes:
        api_url: What `PREFECT_API_URL` is set to.
        home: Its `PREFECT_HOME`.
    """

    api_url: str
    home: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that make any process use this server, and report to nobody else."""
        return {**_QUIET, "PREFECT_API_URL": self.api_url, "PREFECT_HOME": str(self.home)}

    def prefect(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs Prefect's own command line against the server, from the repository's root."""
        return subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
            cwd=_ROOT, env={**os.environ, **self.environment, **variables},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip


@contextmanager
def running_prefect(folder: Path) -> Iterator[PrefectServer]:
    """Starts a server and stops it at the end.

    Raises:
        PrefectUnavailable: It was not healthy within two minutes.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = PrefectServer(f"http://127.0.0.1:{port}/api", folder / "home")
    log = folder / "server.log"
    environment = {**os.environ, **server.environment}
    environment.pop("PREFECT_API_URL")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1",
             "--port", str(port)],
            env=environment, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            cwd=folder,
        )  # fmt: skip
    try:
        _wait_until_healthy(server, process, log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(
    server: PrefectServer, process: "subprocess.Popen[bytes]", log: Path
) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(f"{server.api_url}/health", timeout=5) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise PrefectUnavailable(f"the Prefect server did not start: {log.read_text()[-2000:]}")
