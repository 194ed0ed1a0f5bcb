"""One deployed collection for all tests of it."""

from collections.abc import Iterator

import pytest
from deployed import (
    NAME,
    RESCAN,
    Deployed,
    client_of,
    module,
    resume,
    running_worker,
    save_block,
)
from servers.prefect import PrefectServer

from sandbox.slack import BOT_TOKEN, SlackSandbox, generate_company

NOW = 1_790_000_000.0


@pytest.fixture(scope="session")
def deployed(
    prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """Set up as an operator does it, with the schedules paused: the tests start the runs."""
    done = module(prefect_server, "deployments.setup")
    assert done.returncode == 0, done.stderr
    folder = tmp_path_factory.mktemp("deployed")
    with (
        client_of(prefect_server) as client,
        SlackSandbox(generate_company(messages=600, seed=7, now=NOW)) as slack,
    ):
        deployed = Deployed(prefect_server, client, folder, slack)
        save_block(client, "slack", "slack", {"token": BOT_TOKEN})
        resume(client, NAME, RESCAN)
        with running_worker(deployed, deployed.environment("calm")):
            yield deployed
