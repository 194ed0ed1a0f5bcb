"""What can be seen to be wrong before a run is started, so that nobody waits for it.

Asks neither the source nor Prefect and makes nothing: a run that is refused here leaves no trace.
"""

import os
from pathlib import Path
from typing import Any

from exporters.registry import SourceManifest
from exporters.settings import load_settings
from stores.errors import StoreReadOnlyError, StoreUnavailableError
from stores.ledger.ledger import Ledger
from stores.settings import StoreSettings, load_store_settings
from tasks.session import open_exporter, parsed_selection
from tasks.settings import load_task_settings
from tasks.stores import exists, nearest_folder


def check_request(
    manifest: SourceManifest,
    selection: dict[str, Any],
    credentials: str | None,
    *,
    alone: bool = True,
) -> None:
    """Checks settings, credentials, files to be read, and that the ledger can be written.

    Args:
        manifest: The source.
        selection: What is asked of it, as plain values.
        credentials: Name of a saved block; not looked at here. None for the environment.
        alone: Whether it is the only source of the run. Beside others, credentials that are not
            enough are its own affair: the others are synced.

    Raises:
        ConfigurationError: A setting, an option or a credential is missing or makes no sense.
        StoreError: The ledger cannot be used.
    """
    load_task_settings()
    stores = load_store_settings()
    parsed = parsed_selection(manifest, selection)
    if credentials is None:
        exporter = open_exporter(manifest, parsed, None, secrets=alone)
        if alone and type(exporter).needs_credentials(parsed):
            exporter.check_credentials()
        exporter.close()
    else:
        load_settings(manifest.load(manifest.settings), manifest.name)
    _check_ledger(stores)


def _check_ledger(settings: StoreSettings) -> None:
    location = settings.ledger_location
    if location.scheme == "sqlite" and not exists(Path(location.address)):
        _check_folder(Path(location.address))
        return
    ledger = Ledger.open(settings.ledger or settings.embedded_file)
    try:
        if ledger.database is not None:
            with ledger.database.transaction():
                pass  # takes the write lock, which a file that may only be read does not give
    finally:
        ledger.close()


def _check_folder(path: Path) -> None:
    """Whether a file that is not there yet can be made."""
    folder = nearest_folder(path)
    if not folder.is_dir():
        raise StoreUnavailableError(
            f"The folder of the store {path} cannot be made: {folder} is a file.",
            hint="Choose another path with DATA_GETTERS_STORES__DATA_DIRECTORY.",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreReadOnlyError(
            f"The store {path} cannot be made: the folder {folder} is read-only.",
            hint="Make the folder writable, or choose another path with "
            "DATA_GETTERS_STORES__DATA_DIRECTORY.",
        )
