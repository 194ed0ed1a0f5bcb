"""Puts an Elasticsearch together out of published artifacts and this folder's Java module.

Maven resolves ``pom.xml`` (its own settings decide from where), ``checksums.sha256`` is compared,
the archive is unpacked, and ``module/`` is compiled into it. The result is kept in a cache outside
the source tree; after the first time nothing is downloaded or compiled until a pinned version or a
Java source changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from servers.elasticsearch.jdk import Jdk, find_jdk

VERSIONS = ("9.5.3", "8.19.21")
"""The releases whose checksums are pinned; the first is the default."""

VERSION_VARIABLE = "ELASTICSEARCH_TEST_VERSION"
CACHE_VARIABLE = "ELASTICSEARCH_TEST_CACHE"

_HERE = Path(__file__).parent
_MODULE = "testing"
_LONGEST_DOWNLOAD = 900.0

_DESCRIPTOR = """\
name={name}
description=What this server lacks and the tests need
version={version}
elasticsearch.version={version}
java.version=21
classname=testing.elasticsearch.TestModules
"""

# Compiled scripts are classes: their compiler needs a loader of its own.
_ENTITLEMENTS = "ALL-UNNAMED:\n  - create_class_loader\n"

# The 8.19 line calls the same classes by other names.
_NAMES_IN_8 = (
    ("BulkByPaginatedSearch", "BulkByScroll"),
    ("reindex.PaginatedSearchFailure", "reindex.ScrollableHitSource.SearchFailure"),
    ("PaginatedSearchFailure", "SearchFailure"),
)

# The published Painless compiler calls one method that the server has dropped since. Both names are
# of one length, so that the call can be redirected in the compiled class as it is.
_DROPPED = b"org/elasticsearch/common/util/CollectionUtils"
_REPLACEMENT = b"testing/elasticsearch/painless/CollectionCopy"


class Unavailable(Exception):  # noqa: N818 - not an error: the tests skip and say this sentence
    """No server can be had on this machine; the message is one sentence that says why."""


@dataclass(frozen=True)
class Installation:
    """An unpacked server that is ready to start.

    Attributes:
        home: The server's home folder; only read, never written, by a running server.
        version: Its release, such as ``"9.5.3"``.
        java_home: The JDK it runs on.
    """

    home: Path
    version: str
    java_home: Path


def default_cache() -> Path:
    """Where installations are kept unless ``ELASTICSEARCH_TEST_CACHE`` names another folder.

    The server refuses to run as root, so root starts it as ``nobody``, who cannot look into root's
    home: root uses the machine's cache folder instead of its own.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).absolute()
    if os.geteuid() == 0:
        return Path(platformdirs.site_cache_dir("prefect-data-getters")) / "elasticsearch"
    return Path(platformdirs.user_cache_dir("prefect-data-getters")) / "elasticsearch"


def install(cache: Path | None = None, version: str | None = None) -> Installation:
    """Answers an installed server, downloading and compiling what is not there yet.

    Safe to call from several processes at once: one installs, the others wait for it.

    Args:
        cache: Folder to keep installations in; `default_cache` if not given.
        version: One of `VERSIONS`; ``ELASTICSEARCH_TEST_VERSION`` or the first if not given.

    Raises:
        Unavailable: A JDK, Maven, or the registry is missing, or an artifact is not what it was.
    """
    cache = default_cache() if cache is None else cache
    version = version or os.environ.get(VERSION_VARIABLE) or VERSIONS[0]
    if version not in VERSIONS:
        raise Unavailable(
            f"Elasticsearch {version} is not one of the pinned releases {', '.join(VERSIONS)}"
        )
    jdk = find_jdk()
    if jdk is None:
        raise Unavailable(
            "no JDK of version 21 or newer was found to run Elasticsearch with: install one or set"
            " JAVA_HOME to it"
        )
    home = cache / f"elasticsearch-{version}"
    wanted = _fingerprint(version)
    installation = Installation(home=home, version=version, java_home=jdk.home)
    if _installed(home) == wanted:
        return installation
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"elasticsearch-{version}.lock"):
            if _installed(home) != wanted:
                _assemble(home, version, jdk, wanted)
    except OSError as error:
        raise Unavailable(f"Elasticsearch cannot be installed in {cache}: {error}") from error
    return installation


def _assemble(home: Path, version: str, jdk: Jdk, fingerprint: str) -> None:
    with tempfile.TemporaryDirectory(prefix="unpacking-", dir=home.parent) as scratch:
        work = Path(scratch)
        artifacts = _download(work / "artifacts", version, jdk)
        if not home.exists():
            _unpack(artifacts / f"elasticsearch-{version}.zip", work)
            (work / home.name).rename(home)
        module = work / _MODULE
        module.mkdir()
        for jar in artifacts.glob("*.jar"):
            shutil.copyfile(jar, module / jar.name)
        _redirect_dropped_call(next(module.glob("lang-painless-*.jar")))
        _compile(module, version, home, jdk, work)
        descriptor = _DESCRIPTOR.format(name=_MODULE, version=version)
        (module / "plugin-descriptor.properties").write_text(descriptor)
        (module / "entitlement-policy.yaml").write_text(_ENTITLEMENTS)
        (module / "fingerprint").write_text(fingerprint)
        _let_everyone_read(module)
        target = home / "modules" / _MODULE
        if target.exists():
            # A server that runs on the old one has its files open and keeps them.
            target.rename(work / "replaced")
        module.rename(target)


def _fingerprint(version: str) -> str:
    """Changes with everything that goes into an installation."""
    digest = hashlib.sha256(version.encode())
    pinned = (_HERE / "pom.xml", _HERE / "checksums.sha256", Path(__file__))
    for path in (*pinned, *_sources(version)):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _installed(home: Path) -> str | None:
    try:
        return (home / "modules" / _MODULE / "fingerprint").read_text()
    except OSError:
        return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(into: Path, version: str, jdk: Jdk) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("Maven (mvn) was not found, which downloads Elasticsearch for the tests")
    command = [maven, "--batch-mode", "--quiet", "--file", str(_HERE / "pom.xml")]
    command += [
        "dependency:copy",
        f"-Delasticsearch.version={version}",
        f"-DoutputDirectory={into}",
    ]
    environment = {"JAVA_HOME": str(jdk.home), **os.environ}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_DOWNLOAD,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            f"Maven did not download Elasticsearch {version} within {_LONGEST_DOWNLOAD:.0f} s"
        ) from error
    if done.returncode != 0:
        raise Unavailable(
            f"Maven could not download Elasticsearch {version} ({_first_error(done)});"
            f" {VERSION_VARIABLE} chooses another of {', '.join(VERSIONS)}"
        )
    _compare_checksums(into)
    return into


def _first_error(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stdout.splitlines() if "ERROR" in line]
    first = lines[0] if lines else done.stderr.strip() or f"exit code {done.returncode}"
    return first.partition("ERROR]")[2].strip() or first


def _compare_checksums(folder: Path) -> None:
    pinned = {}
    for line in (_HERE / "checksums.sha256").read_text().splitlines():
        checksum, _, name = line.partition("  ")
        pinned[name] = checksum
    for artifact in folder.iterdir():
        with artifact.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != pinned.get(artifact.name):
            raise Unavailable(
                f"{artifact.name} was downloaded with the checksum {found}, which is not the pinned"
                " one: it is not used"
            )


def _unpack(archive: Path, into: Path) -> None:
    with zipfile.ZipFile(archive) as contents:
        contents.extractall(into)
        executable = {
            entry.filename: bool((entry.external_attr >> 16) & stat.S_IXUSR)
            for entry in contents.infolist()
            if not entry.is_dir()
        }
    root = into / archive.stem
    for name, runs in executable.items():
        (into / name).chmod(0o755 if runs else 0o644)
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        folder.chmod(0o755)


def _let_everyone_read(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)


def _redirect_dropped_call(compiler: Path) -> None:
    with zipfile.ZipFile(compiler) as contents:
        files = {name: contents.read(name) for name in contents.namelist()}
    with zipfile.ZipFile(compiler, "w", zipfile.ZIP_DEFLATED) as contents:
        for name, data in files.items():
            contents.writestr(name, data.replace(_DROPPED, _REPLACEMENT))


def _sources(version: str) -> list[Path]:
    line = version.partition(".")[0]
    folders = (_HERE / "module" / "src", _HERE / "module" / f"src-{line}")
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def _compile(module: Path, version: str, home: Path, jdk: Jdk, work: Path) -> None:
    """Compiles ``module/`` against the installed server into a jar beside its libraries."""
    sources = work / "sources"
    classes = work / "classes"
    classes.mkdir()
    for path in _sources(version):
        relative = Path(*path.relative_to(_HERE / "module").parts[1:])
        text = path.read_text()
        if version.startswith("8."):
            for name, older in _NAMES_IN_8:
                text = text.replace(name, older)
        folder = sources if path.suffix == ".java" else classes
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        (folder / relative).write_text(text)
    jars = [*(home / "lib").glob("*.jar"), *module.glob("*.jar")]
    command = [str(jdk.compiler), "--release", "21", "-proc:none", "-nowarn", "-encoding", "UTF-8"]
    command += ["-classpath", os.pathsep.join(map(str, jars)), "-d", str(classes)]
    command += [str(path) for path in sources.rglob("*.java")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        # A mistake in this folder, not a lack of this machine: no reason to skip.
        raise RuntimeError(f"the test server's module does not compile:\n{done.stderr}")
    with zipfile.ZipFile(module / f"{_MODULE}.jar", "w", zipfile.ZIP_DEFLATED) as jar:
        for path in classes.rglob("*"):
            jar.write(path, path.relative_to(classes))
