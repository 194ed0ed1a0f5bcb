"""A server is made ready, brought up to date again, and rid of what is no longer named."""

from collections.abc import Iterator

import pytest
from deployed import NAME, RESCAN, client_of, module, pause_schedules, resume, until
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.schedules import CronSchedule
from servers.prefect import PrefectServer

from deployments.automations import AUTOMATIONS
from deployments.prefect_file import TAG
from exporters.registry import sources

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(prefect_server: PrefectServer) -> PrefectServer:
    done = module(prefect_server, "deployments.setup")
    assert done.returncode == 0, done.stderr
    with client_of(prefect_server) as client:
        resume(client, NAME, RESCAN)
    return prefect_server


@pytest.fixture
def client(server: PrefectServer) -> Iterator[SyncPrefectClient]:
    """The schedules rest when a test ends: another test's worker must find nothing to do."""
    with client_of(server) as client:
        yield client
        pause_schedules(client)


def active(client: SyncPrefectClient) -> dict[str | None, bool]:
    """Which schedules are switched on, by slug."""
    return {
        schedule.slug: schedule.active
        for name in (NAME, RESCAN)
        for schedule in client.read_deployment_by_name(name).schedules
    }


def only_weekly(client: SyncPrefectClient) -> None:
    """Switches schedules as a person does it in the UI."""
    pause_schedules(client)
    rescan = client.read_deployment_by_name(RESCAN)
    for schedule in rescan.schedules:
        client.update_deployment_schedule(rescan.id, schedule.id, active=True)


def test_the_deployments_are_as_the_file_has_them(client: SyncPrefectClient) -> None:
    for name in (NAME, RESCAN):
        deployment = client.read_deployment_by_name(name)
        assert deployment.entrypoint == "flows.slack_sync.slack_sync"
        assert TAG in deployment.tags
        assert deployment.work_pool_name == "data-getters"
        assert deployment.enforce_parameter_schema
        assert deployment.global_concurrency_limit is not None
        assert deployment.global_concurrency_limit.limit == 1
        assert deployment.job_variables == {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}}
    assert set(active(client)) == {"half-hourly", "weekly"}


def test_a_deployment_whose_credentials_nobody_saved_waits_and_says_so(
    server: PrefectServer, client: SyncPrefectClient
) -> None:
    wanted = {
        "gmail-sync/gmail": "the credentials block 'gmail'",
        "jira-sync/jira": "the credentials block 'jira'",
        "multi-source-sync/all-sources": "'gmail', 'jira'",
    }
    assert all(client.read_deployment_by_name(name).paused for name in wanted)
    lines = module(server, "deployments.setup").stdout.splitlines()
    for name, blocks in wanted.items():
        [sentence] = [line for line in lines if line.startswith(f"Deployment {name} wants")]
        assert blocks in sentence
        assert "start the deployment there if it is paused" in sentence
        assert client.read_deployment_by_name(name).paused


@pytest.mark.full
@pytest.mark.faults
def test_the_weekly_schedule_makes_runs_that_rescan(client: SyncPrefectClient) -> None:
    only_weekly(client)
    rescan = client.read_deployment_by_name(RESCAN)
    of_rescan = FlowRunFilter.model_validate({"deployment_id": {"any_": [rescan.id]}})
    [first, *_] = until(
        lambda: [r for r in client.read_flow_runs(flow_run_filter=of_rescan) if r.auto_scheduled],
        "a run of the weekly schedule",
    )
    assert first.parameters == {"credentials": "slack", "options": {"rescan": True}}
    assert first.expected_start_time is not None
    assert first.expected_start_time.weekday() == 6


def test_pauses_and_schedules_made_by_hand_survive(
    server: PrefectServer, client: SyncPrefectClient
) -> None:
    deployment = client.read_deployment_by_name(NAME)
    only_weekly(client)
    [by_hand] = client.create_deployment_schedules(
        deployment.id,
        [
            DeploymentScheduleCreate(
                schedule=CronSchedule(cron="7 4 1 1 *", timezone="Etc/UTC"),
                active=False,
                parameters={"days_ago": 3},
            )
        ],
    )
    client.pause_deployment(deployment.id)
    automation = client.read_automations_by_name(AUTOMATIONS[0].name)[0]
    client.pause_automation(automation.id)

    done = module(server, "deployments.setup")

    assert done.returncode == 0, done.stderr
    again = client.read_deployment_by_name(NAME)
    assert again.id == deployment.id
    assert again.paused
    found = {schedule.id: schedule for schedule in again.schedules}
    assert set(found) == {*(schedule.id for schedule in deployment.schedules), by_hand.id}
    assert found[by_hand.id].parameters == {"days_ago": 3}
    assert active(client) == {
        "half-hourly": False, "weekly": True, found[by_hand.id].slug: False
    }  # fmt: skip
    [kept] = client.read_automations_by_name(AUTOMATIONS[0].name)
    assert not kept.enabled
    client.resume_automation(automation.id)
    client.resume_deployment(deployment.id)
    client.delete_deployment_schedule(deployment.id, by_hand.id)


@pytest.mark.full
@pytest.mark.faults
def test_prefects_own_deploy_keeps_a_paused_schedule(
    server: PrefectServer, client: SyncPrefectClient
) -> None:
    only_weekly(client)
    done = server.prefect("deploy", "--all")
    assert done.returncode == 0, done.stderr
    assert active(client) == {"weekly": True, "half-hourly": False}


def test_what_the_file_no_longer_names_is_listed_and_then_removed(
    server: PrefectServer, client: SyncPrefectClient
) -> None:
    deployment = client.read_deployment_by_name(NAME)
    yearly = CronSchedule(cron="0 0 1 1 *", timezone="Etc/UTC")
    client.create_deployment_schedules(
        deployment.id,
        [
            DeploymentScheduleCreate(schedule=yearly, active=False, slug="formerly"),
            DeploymentScheduleCreate(schedule=yearly, active=False),
        ],
    )
    client.create_deployment(deployment.flow_id, "former", tags=[TAG])
    client.create_deployment(deployment.flow_id, "somebody-elses", tags=["theirs"])
    former = AUTOMATIONS[0].model_copy(update={"name": "data-getters: former", "enabled": False})
    client.create_automation(former)

    listed = module(server, "deployments.prune")
    assert listed.returncode == 0, listed.stderr
    assert "Not in prefect.yaml: deployment slack-sync/former." in listed.stdout
    assert f"Not in prefect.yaml: schedule formerly of {NAME}." in listed.stdout
    assert "Not in prefect.yaml: automation 'data-getters: former'." in listed.stdout
    assert "Made by hand, left alone: schedule" in listed.stdout
    assert "somebody-elses" not in listed.stdout
    assert client.read_automations_by_name("data-getters: former")

    removed = module(server, "deployments.prune", "--yes")
    assert removed.returncode == 0, removed.stderr
    names = {found.name for found in client.read_deployments()}
    assert "former" not in names
    assert {"slack", "somebody-elses"} <= names
    assert not client.read_automations_by_name("data-getters: former")
    assert client.read_automations_by_name(AUTOMATIONS[0].name)
    assert set(active(client)) == {"half-hourly", "weekly", None}
    for schedule in client.read_deployment_by_name(NAME).schedules:
        if schedule.slug is None:
            client.delete_deployment_schedule(deployment.id, schedule.id)


def test_the_block_type_tells_what_it_is_for(client: SyncPrefectClient) -> None:
    block_type = client.read_block_type_by_slug("data-getters-slack")
    assert block_type.name == "Data Getters Slack Credentials"
    assert block_type.description == "Credentials with which Slack is synced."
    assert str(block_type.documentation_url) == "https://docs.slack.dev/authentication/tokens"
    assert 'SlackCredentials.load("BLOCK_NAME")' in (block_type.code_example or "")
    schema = client.get_most_recent_block_schema_for_block_type(block_type.id)
    assert schema is not None
    assert schema.fields["secret_fields"] == ["token"]
    assert schema.fields["properties"]["token"]["description"].endswith(".")


def test_blocks_can_be_registered_with_prefects_own_command(server: PrefectServer) -> None:
    done = server.prefect("block", "register", "-m", "tasks.blocks")
    assert done.returncode == 0, done.stderr
    for manifest in sources().values():
        assert f"Data Getters {manifest.title} Credentials" in done.stdout
    assert f"Successfully registered {len(sources())} block" in done.stdout


def test_a_server_that_does_not_answer_is_one_sentence(prefect_server: PrefectServer) -> None:
    absent = PrefectServer("http://127.0.0.1:9/api", prefect_server.home)
    done = module(absent, "deployments.prune")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The Prefect server at http://127.0.0.1:9/api does not")
    assert "Traceback" not in done.stderr
