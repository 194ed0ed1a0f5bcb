"""`python -m deployments.automations`: what the server does by itself about our runs.

A run whose worker and process are both killed (a machine that loses power) has nobody left to say
so and stays Running for ever, and with it the one place that its deployment's concurrency limit
grants. So runs say every 30 seconds that they live (`PREFECT_FLOWS_HEARTBEAT_FREQUENCY`, set in
`prefect.yaml`), and where that stops, the server calls the run Crashed. After
https://docs.prefect.io/v3/advanced/detect-zombie-flows.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import click
from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.schemas.events import ResourceSpecification

from deployments.prefect_file import TAG
from deployments.server import connected, run
from tasks.recorded_run import ATTENTION

SILENCE: Final = timedelta(seconds=90)
"""Three heartbeats."""

_HEARTBEAT: Final = "prefect.flow-run.heartbeat"

# An event is named as the state is, not as its type: with our own state missing here, every run
# that ends in it would be called Crashed a while later.
_ENDS: Final = ("Completed", ATTENTION, "Failed", "TimedOut", "Cancelled", "Crashed")

AUTOMATIONS: Final = (
    AutomationCore(
        name="data-getters: crash runs that went silent",
        description="Calls a run Crashed that has not said for 90 seconds that it lives.",
        tags=[TAG],
        trigger=EventTrigger(
            after={_HEARTBEAT},
            expect={_HEARTBEAT, *(f"prefect.flow-run.{name}" for name in _ENDS)},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            match_related=ResourceSpecification(
                {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message="The run has not said for 90 seconds that it lives: its machine or "
                "container is gone. The next run goes on where this one stopped.",
            )
        ],
    ),
)


def install(client: SyncPrefectClient) -> Iterator[str]:
    """Brings the automations of a server up to date; one that was switched off stays so.

    Yields:
        A sentence for each.
    """
    for wanted in AUTOMATIONS:
        found = client.read_automations_by_name(wanted.name)
        if not found:
            client.create_automation(wanted)
            yield f"Automation {wanted.name!r} created."
            continue
        [first, *rest] = found
        for twin in rest:
            client.delete_automation(twin.id)
        kept = wanted.model_copy(update={"enabled": first.enabled})
        if first.model_dump(include=_COMPARED, mode="json") == kept.model_dump(
            include=_COMPARED, mode="json"
        ):
            yield f"Automation {wanted.name!r} is as it should be."
        else:
            client.update_automation(first.id, kept)
            yield f"Automation {wanted.name!r} updated."


_COMPARED: Final = {"name", "description", "enabled", "tags", "trigger", "actions"}


@click.command()
def main() -> None:
    """Install or update the automations on the Prefect server."""
    with connected() as client:
        for sentence in install(client):
            click.echo(sentence)


if __name__ == "__main__":
    run(main)
