"""Finds the JDK that compiles for and runs the test server."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST = 21
"""Both lines of the server are compiled for this release."""

_NEWEST_TRIED = 25

# Where packages and installers put JDKs on Linux and macOS.
_USUAL_FOLDERS = (
    ("/usr/lib/jvm", "*"),
    ("/Library/Java/JavaVirtualMachines", "*/Contents/Home"),
    ("~/.sdkman/candidates/java", "*"),
)


@dataclass(frozen=True)
class Jdk:
    """A JDK: its home folder and its feature release, such as 21."""

    home: Path
    release: int

    @property
    def compiler(self) -> Path:
        """The Java compiler."""
        return self.home / "bin" / "javac"


def find_jdk() -> Jdk | None:
    """Answers the JDK to use, or None where none is new enough.

    ``ES_JAVA_HOME`` and ``JAVA_HOME`` go first when they are new enough. Of the others (the
    ``JAVA_HOME_*`` of CI machines, the one on the path, the usual folders) the newest release that
    this server was tried on is taken, then any newer one.
    """
    named = [
        _read(Path(os.environ[name]))
        for name in ("ES_JAVA_HOME", "JAVA_HOME")
        if name in os.environ
    ]
    for jdk in named:
        if jdk is not None:
            return jdk
    found = [jdk for jdk in map(_read, _homes()) if jdk is not None]
    tried = [jdk for jdk in found if jdk.release <= _NEWEST_TRIED]
    if tried:
        return max(tried, key=lambda jdk: jdk.release)
    return min(found, key=lambda jdk: jdk.release, default=None)


def _homes() -> Iterator[Path]:
    for name, value in sorted(os.environ.items()):
        if name.startswith("JAVA_HOME_"):
            yield Path(value)
    java = shutil.which("java")
    if java is not None:
        yield Path(java).resolve().parent.parent
    for folder, pattern in _USUAL_FOLDERS:
        yield from sorted(Path(folder).expanduser().glob(pattern))


def _read(home: Path) -> Jdk | None:
    """The JDK in a folder, if there is one with a compiler and of a sufficient release."""
    try:
        described = (home / "release").read_text()
    except OSError:
        return None
    stated = re.search(r'^JAVA_VERSION="(\d+)', described, re.MULTILINE)
    if stated is None or int(stated[1]) < OLDEST:
        return None
    jdk = Jdk(home=home.resolve(), release=int(stated[1]))
    return jdk if jdk.compiler.exists() else None
