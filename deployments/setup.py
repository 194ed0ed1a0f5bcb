"""`python -m deployments.setup`: makes a Prefect server ready for this collection.

Checks `prefect.yaml`, makes its work pools, registers the block types, installs the automations and
deploys everything. To be run again after every upgrade: what is in place stays.

Plain `prefect deploy --all` does the last step too, but not with care for what a person did in the
UI: it starts every deployment that was paused as a whole again, and where somebody added a schedule
there it removes that and starts the paused ones (seen with Prefect 3.8.8).
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound

from deployments import automations
from deployments.check import findings, flow_of
from deployments.prefect_file import PREFECT_FILE, Deployment, PrefectFile, load_file
from deployments.prune import BY_HAND, deployments_of_ours, stale
from deployments.server import ServerError, connected, run
from documents.errors import ConfigurationError
from tasks.blocks import BLOCKS

_POOL_TYPE = "process"


def make_work_pools(client: SyncPrefectClient, file: PrefectFile) -> Iterator[str]:
    """Makes the work pools that the file names; one that exists keeps its type and settings.

    Yields:
        A sentence for each.
    """
    for name in sorted({deployment.work_pool.name for deployment in file.deployments}):
        try:
            found = client.read_work_pool(name)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=name, type=_POOL_TYPE))
            yield f"Work pool {name!r} created, of the type {_POOL_TYPE}."
        else:
            yield f"Work pool {name!r} exists, of the type {found.type}."


def register_blocks() -> Iterator[str]:
    """Registers the credential blocks of all sources.

    Yields:
        A sentence for each.
    """
    for block in BLOCKS.values():
        block.register_type_and_schema(_sync=True)  # type: ignore[call-arg]  # Prefect adds _sync
        yield f"Block type {block.get_block_type_name()!r} registered."


@contextmanager
def keeping_what_people_did(client: SyncPrefectClient) -> Iterator[None]:
    """Lets pauses and schedules that a person made in the UI survive a deployment in the block.

    Prefect matches schedules by slug only if all of them have one; the UI gives none.
    """
    paused = []
    for _, deployment in deployments_of_ours(client):
        if deployment.paused:
            paused.append(deployment.id)
        for schedule in deployment.schedules:
            if schedule.slug is None:
                # What an update of a schedule does not name it keeps, but for the parameters.
                client.update_deployment_schedule(
                    deployment.id,
                    schedule.id,
                    slug=f"{BY_HAND}{schedule.id.hex[:8]}",
                    parameters=schedule.parameters,
                )
    try:
        yield
    finally:
        for deployment_id in paused:
            client.pause_deployment(deployment_id)


def deploy_all() -> None:
    """`prefect deploy --all`, in this environment.

    Raises:
        ServerError: It failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=PREFECT_FILE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        told = " ".join((done.stderr + done.stdout).split())
        raise ServerError(f"`prefect deploy --all` failed: {told[-500:]}")


@click.command()
def main() -> None:
    """Make the work pool, register the blocks, install the automations and deploy everything."""
    if found := findings():
        raise ConfigurationError(f"prefect.yaml is not in order: {' '.join(found)}")
    file = load_file()
    with connected() as client:
        for sentence in (
            *make_work_pools(client, file),
            *register_blocks(),
            *automations.install(client),
        ):
            click.echo(sentence)
        known = {name for name, _ in deployments_of_ours(client)}
        with keeping_what_people_did(client):
            deploy_all()
        waiting = dict(_missing_blocks(client, file))
        for name, deployment in deployments_of_ours(client):
            if name not in known and name in waiting:
                client.pause_deployment(deployment.id)
        for name, deployment in deployments_of_ours(client):
            active = sum(schedule.active for schedule in deployment.schedules)
            paused = ", paused as a whole" if deployment.paused else ""
            click.echo(
                f"Deployment {name}: {active} of {len(deployment.schedules)} schedules "
                f"active{paused}."
            )
        for name, blocks in waiting.items():
            click.echo(
                f"Deployment {name} wants {blocks}, saved by nobody yet: make it in the Prefect UI "
                "under Blocks, then start the deployment there if it is paused."
            )
        if any(item.remove for item in stale(client, file)):
            click.echo(
                "The server holds more than prefect.yaml names: see `python -m deployments.prune`."
            )
        pools = sorted({deployment.work_pool.name for deployment in file.deployments})
        for pool in pools:
            click.echo(f"Start a worker with: python -m prefect worker start --pool {pool}")


def _missing_blocks(client: SyncPrefectClient, file: PrefectFile) -> Iterator[tuple[str, str]]:
    """Deployments that name credentials blocks which nobody has saved, and those blocks.

    Such a deployment is paused when it is new: a person who syncs one source does not want the
    runs of the others to fail day and night.
    """
    slugs = [block.get_block_type_slug() for block in BLOCKS.values()]
    for deployment in file.deployments:
        missing = [
            repr(name)
            for name in _wanted_blocks(deployment)
            if not any(_saved(client, name, slug) for slug in slugs)
        ]
        if missing:
            noun = "the credentials block" if len(missing) == 1 else "the credentials blocks"
            yield _full_name(deployment), f"{noun} {', '.join(missing)}"


def _wanted_blocks(deployment: Deployment) -> Iterator[str]:
    """The blocks that a deployment's parameters name, for itself or for each of its sources."""
    sources = deployment.parameters.get("sources") or ()
    for parameters in (deployment.parameters, *sources):
        if isinstance(parameters, Mapping) and parameters.get("credentials"):
            yield str(parameters["credentials"])


def _full_name(deployment: Deployment) -> str:
    """`flow/deployment`, as the server calls it."""
    return f"{flow_of(deployment.entrypoint).name}/{deployment.name}"


def _saved(client: SyncPrefectClient, name: str, slug: str) -> bool:
    try:
        client.read_block_document_by_name(name, slug, include_secrets=False)
    except ObjectNotFound:
        return False
    return True


if __name__ == "__main__":
    run(main)
