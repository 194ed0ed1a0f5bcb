"""Prefect on the command line: its run is ours to show, so its console stays quiet.

What it raises where its server cannot be used becomes a sentence.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from documents.errors import ConfigurationError, DataGettersError

_QUIET: Final = {
    # Log lines still go to the server; only the console is silenced.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}

_OWN_SERVER: Final = {
    # Nothing about a company leaves its machines unasked.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # A small machine takes longer than Prefect's own 20 seconds to start a server.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}

_ANSWER_SECONDS: Final = 10.0


class PrefectUnavailableError(DataGettersError):
    """Prefect's server does not answer, or its client cannot use it."""


@contextmanager
def quiet_prefect(*, verbose: bool) -> Iterator[None]:
    """Sets what Prefect reads when it is imported; what a person set stays.

    Raises:
        PrefectUnavailableError: Prefect could not run what the block ran.
    """
    wanted = _OWN_SERVER if verbose else _OWN_SERVER | _QUIET
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        _check_server()
        yield
    except DataGettersError:
        raise
    except Exception as error:
        # A flow's own errors become its state; what comes out here is Prefect's.
        raise PrefectUnavailableError(
            f"Prefect could not run the sync: {_first_line(error)}",
            hint="Run it again with -v for Prefect's own log lines.",
        ) from error
    finally:
        for name in added:
            os.environ.pop(name, None)


def _check_server() -> None:
    """Asks the server that is set whether it is there; Prefect itself would try for minutes."""
    url = _server_url()
    if not url:
        return
    try:
        with urlopen(f"{url.rstrip('/')}/health", timeout=_ANSWER_SECONDS):  # noqa: S310
            return
    except HTTPError:
        return  # it answers; whether it lets us in, Prefect finds out with its own credentials
    except ValueError:
        raise ConfigurationError(
            f"PREFECT_API_URL is {url!r}, which is no address.",
            hint="An example: http://127.0.0.1:4200/api.",
        ) from None
    except OSError as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLError):
            return  # Prefect has settings of its own for certificates
        told = getattr(reason, "strerror", None) or str(reason)
        raise PrefectUnavailableError(
            f"The Prefect server at {url} does not answer ({told}).",
            hint="Start it, correct PREFECT_API_URL, or unset that to run without a server.",
        ) from error


def _server_url() -> str | None:
    from prefect.settings import get_current_settings  # noqa: PLC0415 (1 s)

    return get_current_settings().api.url


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    line = text.splitlines()[0]
    return line if line.endswith(".") else f"{line}."
