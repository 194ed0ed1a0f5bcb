"""`python -m deployments.prune`: what the server holds of ours and `prefect.yaml` no longer names.

`prefect deploy --all` adds and updates; what is taken out of the file stays on the server and goes
on running. This lists it, and with `--yes` removes it. Deployments are ours by the tag
`data-getters`; a schedule that a person made in the UI is listed and left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.responses import DeploymentResponse

from deployments.automations import AUTOMATIONS
from deployments.check import flow_of
from deployments.prefect_file import TAG, PrefectFile, load_file
from deployments.server import connected, run

BY_HAND = "by-hand-"
"""How the slug begins that `deployments.setup` gives to a schedule a person made in the UI."""

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Stale:
    """Something of ours on the server that the file does not name.

    Attributes:
        what: What a person calls it.
        remove: Removes it; None where a person made it, and so a person is to remove it.
    """

    what: str
    remove: partial[Any] | None


def deployments_of_ours(client: SyncPrefectClient) -> Iterator[tuple[str, DeploymentResponse]]:
    """Every deployment with our tag, with its full name (`flow/deployment`)."""
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    offset = 0
    while page := client.read_deployments(deployment_filter=ours, limit=_PAGE, offset=offset):
        for deployment in page:
            yield f"{client.read_flow(deployment.flow_id).name}/{deployment.name}", deployment
        offset += len(page)


def stale(client: SyncPrefectClient, file: PrefectFile) -> Iterator[Stale]:
    """What the server holds of ours and the file does not name."""
    named = {
        f"{flow_of(deployment.entrypoint).name}/{deployment.name}": deployment
        for deployment in file.deployments
    }
    for name, found in deployments_of_ours(client):
        if name not in named:
            yield Stale(f"deployment {name}", partial(client.delete_deployment, found.id))
            continue
        slugs = {schedule.slug for schedule in named[name].schedules}
        for schedule in found.schedules:
            if schedule.slug in slugs:
                continue
            what = f"schedule {schedule.slug or schedule.id} of {name}"
            by_hand = schedule.slug is None or schedule.slug.startswith(BY_HAND)
            yield Stale(
                what,
                None
                if by_hand
                else partial(client.delete_deployment_schedule, found.id, schedule.id),
            )
    wanted = {automation.name for automation in AUTOMATIONS}
    for automation in client.read_automations():
        if TAG in automation.tags and automation.name not in wanted:
            yield Stale(
                f"automation {automation.name!r}", partial(client.delete_automation, automation.id)
            )


@click.command()
@click.option("--yes", is_flag=True, help="Remove what is listed.")
def main(yes: bool) -> None:
    """List what the Prefect server holds of ours and prefect.yaml does not name."""
    file = load_file()
    with connected() as client:
        # All of it is found before any is removed, as pages would shift.
        found = list(stale(client, file))
        for item in found:
            if item.remove is None:
                click.echo(f"Made by hand, left alone: {item.what}.")
            elif yes:
                item.remove()
                click.echo(f"Removed: {item.what}.")
            else:
                click.echo(f"Not in prefect.yaml: {item.what}.")
    removable = [item for item in found if item.remove is not None]
    if not found:
        click.echo("The server holds nothing that prefect.yaml does not name.")
    elif removable and not yes:
        click.echo("Nothing was removed; --yes removes it.")


if __name__ == "__main__":
    run(main)
