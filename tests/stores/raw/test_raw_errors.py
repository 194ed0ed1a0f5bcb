"""What goes wrong with the place is told in a sentence, and no secret with it."""

import os
import resource
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from object_store import SECRET_KEY, ObjectStore
from raw_samples import DAY, row

from documents.errors import ConfigurationError, DataGettersError
from stores.errors import StoreError, StoreFullError, StoreReadOnlyError, StoreUnavailableError
from stores.raw.files import open_files
from stores.raw.store import RawStore

NOBODY = 65534


def everything_told(error: BaseException) -> str:
    hint = error.hint if isinstance(error, DataGettersError) else ""
    return "".join(traceback.format_exception(error)) + repr(error) + hint


def told_by_child(work: Callable[[], object]) -> str:
    """What a forked process says of the error that `work` ends in there."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = "no error"
        try:
            work()
        except StoreError as error:
            told = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, told.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


def test_a_folder_that_may_not_be_written_is_told_so(local: RawStore, folder: Path) -> None:
    landing = local.append([row(1)], run_id="run-1", day=DAY)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)

    def append() -> None:
        if os.geteuid() == 0:
            os.setuid(NOBODY)  # root may write everywhere
        local.append([row(2)], run_id="run-1", day=DAY)

    told = told_by_child(append)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    assert told == (
        f"StoreReadOnlyError: The raw landing {folder} cannot be written: Permission denied."
    )
    assert [found.ref for found in local.iterate()] == landing.refs


def test_a_full_disk_is_told_so_and_leaves_nothing_behind(local: RawStore, folder: Path) -> None:
    local.append([row(1)], run_id="run-1", day=DAY)

    def append() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        local.append([row(2, payload=os.urandom(500_000))], run_id="run-1", day=DAY)

    assert told_by_child(append) == (
        f"StoreFullError: The disk of the raw landing {folder} is full; nothing of the last batch "
        "was kept."
    )
    assert [
        path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".parquet"
    ] == []
    assert [found.row for found in local.iterate()] == [row(1)]


def test_a_file_in_the_way_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("in the way")
    with pytest.raises(StoreUnavailableError, match=f"{path} is a file, not a folder"):
        RawStore.open(path)
    below = RawStore.open(path / "raw")
    with pytest.raises(StoreUnavailableError, match="A file lies where"):
        below.append([row(1)], run_id="run-1")


def test_a_place_without_rows_is_empty_and_not_made(local: RawStore, folder: Path) -> None:
    assert list(local.iterate()) == []
    assert local.compact().made == 0
    assert not folder.exists()


def test_a_file_uri_is_a_path(tmp_path: Path) -> None:
    uri = (tmp_path / "raw").as_uri()
    landing = RawStore.open(uri).append([row(1)], run_id="run-1", day=DAY)
    assert RawStore.open(tmp_path / "raw").read(landing.refs[0]).row == row(1)


@pytest.mark.parametrize("uri", ["foo://place", "s3://key:s3cr3tK3y@bucket/x?bogus=1", "s3://"])
def test_a_uri_that_makes_no_sense_is_not_repeated_with_its_key(uri: str) -> None:
    with pytest.raises(DataGettersError) as caught:
        RawStore.open(uri)
    assert SECRET_KEY not in everything_told(caught.value)


def test_a_missing_bucket_is_named(objects: ObjectStore) -> None:
    with pytest.raises(
        StoreError, match="bucket of the raw landing s3://typo/raw does not exist"
    ) as caught:
        RawStore.open(objects.uri("typo/raw"))
    assert not caught.value.retryable
    assert SECRET_KEY not in everything_told(caught.value)


def test_a_bucket_that_is_gone_is_no_empty_landing(objects: ObjectStore) -> None:
    store = RawStore.open(objects.uri())
    objects.buckets.clear()
    with pytest.raises(StoreError, match="does not exist"):
        store.append([row(1)], run_id="run-1")


def test_a_refused_key_is_told_so(objects: ObjectStore) -> None:
    store = RawStore.open(objects.uri())
    landing = store.append([row(1)], run_id="run-1")
    objects.refused = "AccessDenied"
    for work in (
        lambda: store.append([row(2)], run_id="run-1"),
        lambda: list(store.iterate()),
        lambda: store.read(landing.refs[0]),
        lambda: RawStore.open(objects.uri()),
    ):
        with pytest.raises(StoreReadOnlyError, match="does not let the raw landing") as caught:
            work()
        assert SECRET_KEY not in everything_told(caught.value)


def test_an_upload_that_did_not_arrive_whole_is_told(objects: ObjectStore) -> None:
    store = RawStore.open(objects.uri())
    objects.cuts_uploads = True
    with pytest.raises(StoreUnavailableError, match="did not arrive whole"):
        store.append([row(1)], run_id="run-1")


def test_a_refused_read_is_not_taken_for_damage(objects: ObjectStore) -> None:
    store = RawStore.open(objects.uri())
    landing = store.append([row(1)], run_id="run-1")
    objects.refused, objects.refused_methods = "AccessDenied", {"GET"}
    with pytest.raises(StoreReadOnlyError, match="does not let the raw landing"):
        store.read(landing.refs[0])


def test_a_file_that_is_given_up_leaves_nothing_behind(tmp_path: Path) -> None:
    files = open_files(tmp_path)

    def give_up() -> None:
        with files.written("a/b/file") as unfinished:
            assert isinstance(unfinished, Path)
            unfinished.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_key_is_shown_nowhere(objects: ObjectStore) -> None:
    store = RawStore.open(objects.uri())
    assert (store.location, repr(store)) == ("s3://landing/raw", "RawStore('s3://landing/raw')")
    assert SECRET_KEY not in repr(store._files)


def test_every_kind_of_failure_has_its_own_class() -> None:
    assert not issubclass(StoreFullError, StoreUnavailableError)
    with pytest.raises(ConfigurationError):
        RawStore.open("foo://place")
