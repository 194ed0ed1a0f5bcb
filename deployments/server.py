"""Reaching the Prefect server that the commands of this folder work on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL

from documents.errors import ConfigurationError, DataGettersError
from flows.terminal import FAILED, USAGE, complain


class ServerError(DataGettersError):
    """The Prefect server does not answer, or refuses."""


@contextmanager
def connected() -> Iterator[SyncPrefectClient]:
    """A client of the server in `PREFECT_API_URL`.

    Raises:
        ConfigurationError: None is set. Prefect would start one for this process alone, and what
            is deployed there is gone a moment later.
        ServerError: It does not answer.
    """
    url = PREFECT_API_URL.value()
    if not url:
        raise ConfigurationError(
            "No Prefect server is set.",
            hint="Set PREFECT_API_URL, such as http://127.0.0.1:4200/api.",
        )
    with get_client(sync_client=True) as client:
        failure = client.api_healthcheck()
        if failure is not None:
            reason = str(failure) or type(failure).__name__
            raise ServerError(
                f"The Prefect server at {url} does not answer: {reason}.",
                hint="Start it with `prefect server start`, or correct PREFECT_API_URL.",
            )
        yield client


def run(command: click.Command) -> None:
    """Runs a command of this folder and exits with its code; complaints are one sentence."""
    try:
        code = command.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = USAGE
    except ConfigurationError as error:
        complain(error.sentence())
        code = USAGE
    except DataGettersError as error:
        complain(error.sentence())
        code = FAILED
    sys.exit(code if isinstance(code, int) else 0)
