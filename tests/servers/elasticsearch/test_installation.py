"""What is said where no server can be had, and what becomes of one whose tests are gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from servers.elasticsearch import installation, jdk
from servers.elasticsearch.fixture import elasticsearch_installation
from servers.elasticsearch.installation import Installation, Unavailable, install
from servers.elasticsearch.server import ElasticsearchServer, ServerError, Setting

__all__ = ["elasticsearch_installation"]


@pytest.fixture
def with_jdk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with a JDK; what it cannot do is not needed."""
    (tmp_path / "jdk" / "bin").mkdir(parents=True)
    (tmp_path / "jdk" / "bin" / "javac").touch()
    (tmp_path / "jdk" / "release").write_text('JAVA_VERSION="21.0.4"\n')
    monkeypatch.setenv("ES_JAVA_HOME", str(tmp_path / "jdk"))


def maven_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "bin" / "mvn"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


def test_a_jdk_that_is_too_old_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for release in (17, 21, 25, 99):
        home = tmp_path / f"jdk-{release}"
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "javac").touch()
        (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{release}.0.1"\n')
    for name in [name for name in os.environ if "JAVA_HOME" in name]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(jdk, "_USUAL_FOLDERS", ((str(tmp_path), "*"),))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk-17"))
    chosen = jdk.find_jdk()
    assert chosen == jdk.Jdk(home=tmp_path / "jdk-25", release=25)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk-99"))
    chosen = jdk.find_jdk()
    assert chosen is not None
    assert chosen.release == 99


def test_without_a_jdk_the_reason_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installation, "find_jdk", lambda: None)
    with pytest.raises(Unavailable, match="no JDK of version 21 or newer was found"):
        install(tmp_path)


@pytest.mark.usefixtures("with_jdk")
def test_without_maven_the_reason_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=r"Maven \(mvn\) was not found"):
        install(tmp_path / "cache")


@pytest.mark.usefixtures("with_jdk")
def test_a_registry_out_of_reach_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    maven_that(tmp_path, monkeypatch, "echo '[ERROR] Unknown host'; echo '[ERROR] more'; exit 1")
    with pytest.raises(Unavailable) as reason:
        install(tmp_path / "cache", version="9.5.3")
    assert "Maven could not download Elasticsearch 9.5.3 (Unknown host)" in str(reason.value)
    assert "\n" not in str(reason.value)


@pytest.mark.usefixtures("with_jdk")
def test_an_artifact_with_another_checksum_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write = 'for last; do :; done; into=${last#*=}; mkdir -p "$into"; echo no > "$into/asm-7.2.jar"'
    maven_that(tmp_path, monkeypatch, write)
    with pytest.raises(Unavailable, match=r"asm-7\.2\.jar was downloaded with the checksum"):
        install(tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("elasticsearch-*/**"))


@pytest.mark.usefixtures("with_jdk")
def test_a_release_that_is_not_pinned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"7\.0\.0 is not one of the pinned releases"):
        install(tmp_path, version="7.0.0")


@pytest.mark.full
@pytest.mark.faults
def test_a_second_installation_downloads_nothing(
    monkeypatch: pytest.MonkeyPatch, elasticsearch_installation: Installation
) -> None:
    monkeypatch.setattr(installation, "_download", None)
    assert install(version=elasticsearch_installation.version) == elasticsearch_installation


@pytest.mark.full
@pytest.mark.faults
def test_a_server_that_cannot_start_says_why(elasticsearch_installation: Installation) -> None:
    settings: dict[str, Setting] = {"no.such.setting": 1}
    server = ElasticsearchServer(elasticsearch_installation, settings=settings)
    with pytest.raises(ServerError, match=r"unknown setting \[no\.such\.setting\]"), server:
        pass
    assert not server.running
    assert not server.directory.exists()


@pytest.mark.full
@pytest.mark.faults
def test_a_server_does_not_outlive_its_tests(elasticsearch_installation: Installation) -> None:
    del elasticsearch_installation  # only so that the child need not install
    tests = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-m", "servers.elasticsearch"],
        cwd=tests,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child, child.stdout:
        port = int(child.stdout.readline().strip().rpartition(":")[2])
        assert _listens(port)
        child.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while _listens(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _listens(port)


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0
