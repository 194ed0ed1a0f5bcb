"""What an extraction lands is transformed by a run that its event starts, on a real server."""

import time

import pytest
from deployed import Deployed, until
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


SAID = "The event has landed"


def test_an_extraction_starts_a_transformation(deployed: Deployed) -> None:
    client = deployed.client
    transform = client.read_deployment_by_name("transform-worker/transform")
    chosen = {"selection": {"channels": ["general"]}}
    # The started run takes the stores of the worker, so they are those of this one too.
    workspace = deployed.slack.workspace
    general = workspace.channel("general")
    author = general.messages[general.timeline[-1]].user
    workspace.post("general", author, SAID, ts=f"{time.time():.6f}")
    run = deployed.start("calm", chosen, name="extract/extract-slack")
    assert deployed.ended(run).name == "Completed"
    of_deployment = FlowRunFilter.model_validate({"deployment_id": {"any_": [transform.id]}})

    def done() -> list[FlowRun]:
        runs = client.read_flow_runs(flow_run_filter=of_deployment)
        return [run for run in runs if run.state and run.state.is_final()]

    until(done, "a run that the event started")
    until(lambda: SAID in str(deployed.state("calm")["documents"]), "its document")
