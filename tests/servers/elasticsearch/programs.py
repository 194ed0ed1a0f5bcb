"""Starts the programs of an installed server, as a user the server accepts.

Elasticsearch refuses to run as root, and continuous integration often is root: then its programs
run as ``nobody``, who must be able to reach what they need and must own what they write.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from servers.elasticsearch.installation import Installation, Unavailable

# Whatever of these is set outside would reach into the server.
_NOT_INHERITED = ("JAVA_HOME", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "CLI_JAVA_OPTS")


class ServerError(RuntimeError):
    """A program of the server failed or took too long; the message holds what it said."""


class Programs:
    """The programs of one installation, working in one server's folder.

    Attributes:
        directory: The folder they run in; its ``config`` and ``tmp`` are theirs.
    """

    def __init__(self, installation: Installation, directory: Path) -> None:
        """Checks that the programs will be able to run.

        Raises:
            Unavailable: They would run as ``nobody``, who cannot reach one of the folders.
        """
        self.directory = directory
        self._installation = installation
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        require_runnable(installation)

    def give(self, folder: Path) -> None:
        """Makes a folder and everything in it belong to the user the programs run as."""
        if self._user is not None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def start(self, name: str, *arguments: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Starts a program at the head of a process group of its own."""
        return subprocess.Popen(
            [str(self._installation.home / "bin" / name), *arguments],
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=None if self._user is None else self._user.pw_uid,
            group=None if self._user is None else self._user.pw_gid,
            extra_groups=None if self._user is None else [],
        )

    def run(self, name: str, *arguments: str, reads: str = "") -> None:
        """Runs a program to its end, giving it ``reads`` on its standard input.

        Raises:
            ServerError: It ended with an error.
        """
        done = subprocess.run(
            [str(self._installation.home / "bin" / name), *arguments],
            cwd=self.directory,
            env=self._environment(),
            input=reads,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            user=None if self._user is None else self._user.pw_uid,
            group=None if self._user is None else self._user.pw_gid,
            extra_groups=None if self._user is None else [],
        )
        if done.returncode != 0:
            raise ServerError(f"{name} failed: {(done.stderr or done.stdout).strip()}")

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ES_") and name not in _NOT_INHERITED
        }
        return {
            **inherited,
            "ES_JAVA_HOME": str(self._installation.java_home),
            "ES_PATH_CONF": str(self.directory / "config"),
            "ES_TMPDIR": str(self.directory / "tmp"),
            "HOME": str(self.directory),
        }


def free_ports(count: int) -> list[int]:
    """Answers loopback ports that nothing listens on, and that nothing is likely to take.

    They lie below those that the system hands out by itself: a server that is restarted finds its
    port still free, whatever connections were opened meanwhile.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = 20_000 + secrets.randbelow(12_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
    return ports


def wait_until_closed(port: int, timeout: float = 30.0) -> None:
    """Waits until nothing listens on a loopback port.

    Raises:
        ServerError: Something still does after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.02)
    raise ServerError(f"port {port} is still open {timeout:.0f} s after its server was ended")


def require_runnable(installation: Installation) -> None:
    """Checks that the user who will run the programs can reach all they need.

    Raises:
        Unavailable: That user is ``nobody``, who cannot enter one of the folders.
    """
    if os.geteuid() != 0:
        return
    for path in (installation.home, installation.java_home, Path(tempfile.gettempdir())):
        for folder in (path, *path.parents):
            needed = stat.S_IROTH | stat.S_IXOTH if folder == path else stat.S_IXOTH
            if folder.stat().st_mode & needed != needed:
                raise Unavailable(
                    "Elasticsearch does not run as root, and the user nobody cannot enter"
                    f" {folder}: run the tests as an ordinary user or move it elsewhere"
                )
