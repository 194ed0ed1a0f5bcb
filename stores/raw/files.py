"""The file system under the raw landing: local with fsync and rename, or remote through pyarrow.

A file appears whole or not at all. Locally it is written under a hidden name, flushed, renamed, and
its folder flushed; in an object store it exists once the upload is complete.
"""

import errno
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from documents.errors import ConfigurationError
from stores.errors import StoreError, StoreFullError, StoreReadOnlyError, StoreUnavailableError

_OBJECT_STORES: Final = frozenset({"s3", "gcs", "abfs"})
_UPLOAD_BYTES: Final = 8 << 20
_HIDDEN: Final = "."

_AWS_CODE: Final = re.compile(r"AWS Error ([A-Z_]+)")
_AWS_MISSING: Final = frozenset({"NO_SUCH_BUCKET"})
_AWS_REFUSED: Final = frozenset(
    {
        "ACCESS_DENIED",
        "INVALID_ACCESS_KEY_ID",
        "INVALID_CLIENT_TOKEN_ID",
        "MISSING_AUTHENTICATION_TOKEN",
        "SIGNATURE_DOES_NOT_MATCH",
        "UNRECOGNIZED_CLIENT",
    }
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a folder.

    Attributes:
        name: Without the folder.
        size: In bytes.
        written_at: When it was last written.
    """

    name: str
    size: int
    written_at: datetime

    @property
    def hidden(self) -> bool:
        """Whether it is not finished: it is being written, or its writer was killed."""
        return self.name.startswith(_HIDDEN)


class Files:
    """The files below a location. Paths are relative to it, with `/` between the parts.

    Attributes:
        location: What a person calls the place, without secrets.
    """

    def __init__(self, filesystem: Any, root: str, location: str) -> None:
        self.location = location
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self._kind: str = filesystem.type_name

    def __repr__(self) -> str:
        return f"Files({self.location!r})"

    def named(self, path: str) -> str:
        """A path as a person finds it."""
        return f"{self.location}/{path}"

    @contextmanager
    def written(self, path: str) -> Iterator[Path | IO[bytes]]:
        """A file to write to; it is at `path`, durable, when the block ends without error.

        Raises:
            StoreError: It cannot be written; the sentence says why.
        """
        with self._sentences():
            if self._kind == "local":
                with self._renamed(Path(self._root, path)) as unfinished:
                    yield unfinished
            else:
                # Has no name, so that nothing of it stays behind when the process is killed.
                with tempfile.TemporaryFile() as unnamed:
                    yield unnamed
                    unnamed.seek(0)
                    self._upload(unnamed, path)

    def opened(self, path: str) -> Any:
        """A file for reading.

        Raises:
            FileNotFoundError: It does not exist.
            StoreError: The place cannot be read.
        """
        with self._sentences(missing_file=True):
            return self._filesystem.open_input_file(self._at(path))

    def files(self, folder: str) -> list[FoundFile]:
        """The files of a folder by name, hidden ones included; none where it does not exist."""
        return [
            FoundFile(info.base_name, info.size, info.mtime or datetime.now(UTC))
            for info in self._listed(folder)
            if info.is_file
        ]

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, sorted; none where it does not exist."""
        return [info.base_name for info in self._listed(folder) if not info.is_file]

    def remove(self, path: str) -> None:
        """Removes a file, unless it is gone already."""
        with self._sentences(), suppress(FileNotFoundError):
            self._filesystem.delete_file(self._at(path))

    def check(self) -> None:
        """Makes sure that the place can be there.

        Raises:
            StoreError: A file lies where the folder should be, or there is no such bucket.
        """
        with self._sentences():
            found = self._filesystem.get_file_info(self._root)
            bucket, _, _ = self._root.partition("/")
            if self._kind == "s3" and not (bucket and self._exists(bucket)):
                raise _missing_bucket(self.location)
        if found.is_file:
            raise StoreUnavailableError(
                f"The raw landing {self.location} is a file, not a folder.",
                hint="Choose another path.",
            )

    def raise_if_the_place_failed(self, error: Exception) -> None:
        """Tells an error of the place from one of a file's content.

        Raises:
            StoreError: The system or the object store gave a reason that is not the content.
        """
        if isinstance(error, OSError) and (error.errno or _AWS_CODE.search(str(error))):
            raise _translate(error, self.location) from error

    def _exists(self, place: str) -> bool:
        return bool(self._filesystem.get_file_info(place).type != fs.FileType.NotFound)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _listed(self, folder: str) -> list[Any]:
        selector = fs.FileSelector(self._at(folder), allow_not_found=True)
        with self._sentences():
            found: list[Any] = self._filesystem.get_file_info(selector)
        return sorted(found, key=lambda info: info.base_name)

    @contextmanager
    def _renamed(self, final: Path) -> Iterator[Path]:
        _make_folder(final.parent)
        unfinished = final.with_name(f"{_HIDDEN}{final.name}.{secrets.token_hex(4)}")
        try:
            yield unfinished
            _flush(unfinished)
            unfinished.rename(final)
            _flush(final.parent)
        finally:
            unfinished.unlink(missing_ok=True)

    def _upload(self, source: IO[bytes], path: str) -> None:
        target = final = self._at(path)
        if self._kind not in _OBJECT_STORES:
            folder, _, name = final.rpartition("/")
            self._filesystem.create_dir(folder, recursive=True)
            target = f"{folder}/{_HIDDEN}{name}.{secrets.token_hex(4)}"
        size = 0
        stream = self._filesystem.open_output_stream(target)
        while part := source.read(_UPLOAD_BYTES):
            size += stream.write(part)
        stream.close()
        if target != final:
            self._filesystem.move(target, final)
        arrived = self._filesystem.get_file_info(final)
        if arrived.size != size:
            raise StoreUnavailableError(
                f"The raw file {self.named(path)} did not arrive whole.", hint="Run again."
            )

    @contextmanager
    def _sentences(self, *, missing_file: bool = False) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            if missing_file:
                raise
            raise StoreUnavailableError(
                f"A file of the raw landing {self.location} vanished.", hint="Run again."
            ) from None
        except OSError as error:
            raise _translate(error, self.location) from error


def open_files(location: str | Path) -> Files:
    """The files below a path or a URI (`file://`, `s3://bucket/folder?region=...`, `gs://`).

    Raises:
        ConfigurationError: The URI makes no sense. The message shows no credentials of it.
        StoreError: The place is not there.
    """
    text = str(location)
    if "://" not in text:
        path = Path(text).expanduser().resolve()
        files = Files(fs.LocalFileSystem(), path.as_posix(), str(path))
    else:
        parts = urlsplit(text)
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
        if parts.scheme == "s3" and "allow_delayed_open" not in parts.query:
            # One request for a small file instead of three.
            text += f"{'&' if parts.query else '?'}allow_delayed_open=true"
        try:
            filesystem, root = fs.FileSystem.from_uri(text)
        except (pa.ArrowInvalid, OSError):
            # Not chained: pyarrow repeats the URI.
            raise ConfigurationError(
                f"The raw landing {shown} cannot be used.",
                hint="Give the path of a folder, or s3://bucket/folder?region=... with options as "
                "in pyarrow.fs.S3FileSystem.",
            ) from None
        files = Files(filesystem, root, shown)
    files.check()
    return files


def _translate(error: OSError, location: str) -> StoreError:
    code = _AWS_CODE.search(str(error))
    if code is not None:
        return _translate_aws(code.group(1), location)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return StoreFullError(
                f"The disk of the raw landing {location} is full; nothing of the last batch "
                "was kept.",
                hint="Free some space and run again: the sync goes on where it stopped.",
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return StoreReadOnlyError(
                f"The raw landing {location} cannot be written: {error.strerror}.",
                hint="Make the folder writable, or choose another.",
            )
        case errno.ENOTDIR | errno.EEXIST:
            return StoreUnavailableError(
                f"A file lies where the raw landing {location} needs a folder.",
                hint="Choose another path.",
            )
        case _:
            reason = error.strerror or str(error).splitlines()[0]
            return StoreUnavailableError(f"The raw landing {location} does not work: {reason}.")


def _translate_aws(code: str, location: str) -> StoreError:
    if code in _AWS_MISSING:
        return _missing_bucket(location)
    if code in _AWS_REFUSED:
        return StoreReadOnlyError(
            f"The object store does not let the raw landing {location} in ({code}).",
            hint="Check the access key, and that it may list, read, write and delete there.",
        )
    return StoreUnavailableError(f"The object store of {location} does not answer ({code}).")


def _missing_bucket(location: str) -> StoreError:
    return StoreError(
        f"The bucket of the raw landing {location} does not exist.",
        hint="Create it, or correct the name.",
    )


def _make_folder(folder: Path) -> None:
    """Makes a folder and those above it, durably."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        _flush(path.parent)


def _flush(path: Path) -> None:
    """Makes a file's content, or a folder's list of files, survive a power cut."""
    if os.name == "nt" and path.is_dir():
        return  # Windows flushes folders by itself and does not open them
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
