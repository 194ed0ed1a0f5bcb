"""Fixtures of the pipeline's tests."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(path) for path in (_TESTS.parent, _TESTS) if str(path) not in sys.path]

from extracted_site import Site  # noqa: E402
from fork_server import ForkServer, running_fork_server  # noqa: E402
from scripted_source import MODEL, VENDORS  # noqa: E402
from watched_stores import LAYOUTS  # noqa: E402
from workbench import Bench, install  # noqa: E402

from exporters.registry import sources  # noqa: E402


@pytest.fixture(autouse=True)
def _fresh_model() -> None:
    MODEL.reset()


@pytest.fixture
def layout() -> str:
    """How the stores lie; a test that needs both asks for it with `parametrize`."""
    return "one file"


@pytest.fixture(scope="session")
def empty_stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with empty stores, to be copied: making them takes longer than a test."""
    folders = {}
    for layout in LAYOUTS:
        folders[layout] = tmp_path_factory.mktemp("empty")
        Bench(folders[layout], layout).close_after_opening()
    return folders


@pytest.fixture
def bench(tmp_path: Path, layout: str, empty_stores: dict[str, Path]) -> Iterator[Bench]:
    """A vendor with one room and empty stores."""
    shutil.copytree(empty_stores[layout], tmp_path / "data")
    bench = Bench(tmp_path / "data", layout)
    yield bench
    bench.close()


@pytest.fixture
def installed(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The bench, with its source installed as a package of its own and its stores as settings."""
    site = install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("DATA_GETTERS_STORES__DATA_DIRECTORY", str(bench.folder))
    monkeypatch.setenv("DATA_GETTERS_STORES__EMBEDDING_MODEL", "python:scripted_source:MODEL")
    monkeypatch.setitem(VENDORS, "here", bench.vendor)
    sources.cache_clear()
    yield bench
    sources.cache_clear()


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Starts children quickly."""
    modules = ["tasks.pipeline", "tasks.stores", "contract_kill_and_resume", "pyarrow.parquet"]
    with running_fork_server(modules) as server:
        yield server


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An account of a scripted vendor over empty stores, which are closed again."""
    site = Site(tmp_path / "site")
    yield site
    site.stores.close()
