"""Raw landings to test with: the same tests run on a folder and on an object store."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The root goes before `tests`, whose folders would otherwise hide the packages of the same names.
_ROOT = str(Path(__file__).parents[3])
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from object_store import ObjectStore, object_store  # noqa: E402

from stores.raw.store import RawStore  # noqa: E402


@pytest.fixture(scope="session")
def running_object_store() -> Iterator[ObjectStore]:
    """An object store, shared by all tests."""
    with object_store() as server:
        yield server


@pytest.fixture
def objects(running_object_store: ObjectStore) -> ObjectStore:
    """An empty object store."""
    running_object_store.buckets = {"landing": {}}
    running_object_store.requests.clear()
    running_object_store.refused = None
    running_object_store.refused_methods.clear()
    running_object_store.cuts_uploads = False
    return running_object_store


@pytest.fixture(params=["folder", "s3"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty landing is."""
    if request.param == "folder":
        return str(tmp_path / "raw")
    store: ObjectStore = request.getfixturevalue("objects")
    return store.uri()


@pytest.fixture
def store(location: str) -> RawStore:
    """An empty landing."""
    return RawStore.open(location)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a landing on the local disk."""
    return tmp_path / "raw"


@pytest.fixture
def local(folder: Path) -> RawStore:
    """An empty landing on the local disk."""
    return RawStore.open(folder)
