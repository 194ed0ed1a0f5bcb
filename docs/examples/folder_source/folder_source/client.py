"""The wire: everything that touches the file system, and nothing else."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from exporters.errors import (
    InvalidDataError,
    NotFoundError,
    PermissionDeniedError,
    TransientError,
)

SUFFIX = ".md"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file as the listing shows it.

    Attributes:
        path: Where it is.
        name: Its path within the folder, with `/`.
        version: Another text for every other content.
        modified: When it was last written.
    """

    path: Path
    name: str
    version: str
    modified: datetime


def markdown_files(folder: Path) -> Iterator[FileEntry]:
    """Lists the Markdown files below a folder.

    Raises:
        PermissionDeniedError: The folder, or one inside it, cannot be listed.
        NotFoundError: It is not there.
        TransientError: The disk or the share does not answer.
    """
    # os.walk passes over what it cannot list unless told otherwise; then files would be missing
    # from a listing that calls itself complete, and the sync would delete them.
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() != SUFFIX:
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # deleted since its folder was listed
            except OSError as error:
                _refuse(error)
            yield FileEntry(
                path=path,
                name=path.relative_to(folder).as_posix(),
                version=f"{status.st_mtime_ns}-{status.st_size}",
                modified=datetime.fromtimestamp(status.st_mtime, UTC),
            )


def read_text(path: Path) -> str:
    """Reads a file.

    Raises:
        NotFoundError: It is gone.
        PermissionDeniedError: It may not be read.
        InvalidDataError: It is not UTF-8.
        TransientError: The disk or the share does not answer.
    """
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidDataError(
            f"{path} is not UTF-8 (byte {error.start}).", hint="Save it as UTF-8."
        ) from error
    except OSError as error:
        _refuse(error)


def _refuse(error: OSError) -> NoReturn:
    """Says what the operating system's refusal means here."""
    if isinstance(error, FileNotFoundError):
        raise NotFoundError(f"{error.filename} is not there.", hint="Is it mounted?") from error
    if isinstance(error, PermissionError):
        raise PermissionDeniedError(
            f"{error.filename} may not be read.", hint="Give the user of the sync read access."
        ) from error
    raise TransientError(f"{error.filename} cannot be read: {error.strerror}.") from error
