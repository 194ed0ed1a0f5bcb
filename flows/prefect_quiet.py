"""Prefect on the command line: its run is ours to show, so its console stays quiet."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_QUIET: Final = {
    # Log lines still go to the server; only the console is silenced.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}

_PATIENT: Final = {
    # A small machine takes longer than Prefect's own 20 seconds to start a server.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


@contextmanager
def quiet_prefect(*, verbose: bool) -> Iterator[None]:
    """Sets what Prefect reads when it is imported; what a person set stays."""
    wanted = _PATIENT if verbose else _PATIENT | _QUIET
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
