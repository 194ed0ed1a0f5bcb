"""Opening a workspace export ZIP, and refusing at once what cannot be one.

Only the table of contents is read, so this is cheap enough to be done before anything is started.
"""

import lzma
import zipfile
import zlib
from pathlib import Path
from typing import Final

from documents.errors import ConfigurationError

LISTINGS: Final = ("channels.json", "groups.json", "mpims.json", "dms.json")
"""Files of an export that list conversations; it holds at least one of them."""

DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RuntimeError,  # of zipfile: a password, or a compression that Python does not know
)
"""What reading and parsing a damaged entry raises."""

_LARGEST_ENTRY: Final = 2_000_000_000
_SUSPICIOUS_ENTRY: Final = 50_000_000
_HIGHEST_RATIO: Final = 200
"""Messages in JSON shrink to a tenth, at most to a fiftieth; a ZIP bomb to a thousandth."""

_AGAIN: Final = "Download the workspace export again."


def open_export(path: Path) -> tuple[zipfile.ZipFile, str]:
    """Opens an export.

    Args:
        path: The ZIP as Slack made it.

    Returns:
        The open file, and the folder in it that holds the lists: empty, or ending with a slash
        where somebody packed the export's folder again.

    Raises:
        ConfigurationError: The file is missing, no ZIP, cut off, protected by a password, unpacks
            to a size that no export has, names places outside itself, or is no Slack export.
    """
    if not path.exists():
        raise ConfigurationError(f"There is no file {path}.")
    if not path.is_file():
        raise ConfigurationError(f"{path} is not a file.", hint="Give the ZIP as Slack made it.")
    try:
        opened = zipfile.ZipFile(path)
    except PermissionError:
        raise ConfigurationError(f"{path} may not be read by this user.") from None
    except DAMAGE as error:
        raise ConfigurationError(
            f"{path} is not a ZIP file, or it was cut off ({error}).", hint=_AGAIN
        ) from error
    try:
        for entry in opened.infolist():
            _check(path, entry)
        return opened, _root(path, set(opened.namelist()))
    except ConfigurationError:
        opened.close()
        raise


def _check(path: Path, entry: zipfile.ZipInfo) -> None:
    if entry.filename.startswith(("/", "\\")) or ".." in entry.filename.replace("\\", "/").split(
        "/"
    ):
        raise ConfigurationError(
            f"{path} is no export that Slack made: it names a file outside itself "
            f"({entry.filename!r})."
        )
    if entry.flag_bits & 1:
        raise ConfigurationError(
            f"{path} is protected by a password.", hint="Give the ZIP as Slack made it."
        )
    too_dense = (
        entry.file_size > _SUSPICIOUS_ENTRY
        and entry.file_size > _HIGHEST_RATIO * entry.compress_size
    )
    if too_dense or entry.file_size > _LARGEST_ENTRY:
        raise ConfigurationError(
            f"{path} is no export that Slack made: {entry.filename!r} in it would unpack to "
            f"{entry.file_size / 1e6:,.0f} MB.",
        )


def _root(path: Path, names: set[str]) -> str:
    for name in sorted(names, key=len):
        root = name.removesuffix("users.json")
        if root != name and any(root + listing in names for listing in LISTINGS):
            return root
    raise ConfigurationError(
        f"{path} is not a Slack workspace export: users.json or channels.json is missing.",
        hint="Export the workspace under Settings, Import/Export Data.",
    )
