"""`prefect.yaml` is in order, and what Prefect would ignore, misread or leak is told."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from deployments.check import findings, flow_of, main
from deployments.prefect_file import PREFECT_FILE, load_file


def slack_deployment(**changes: Any) -> dict[str, Any]:
    """The file with its first deployment changed; None takes a key out."""
    content: dict[str, Any] = yaml.safe_load(PREFECT_FILE.read_text())
    deployment = content["deployments"][0]
    for name, value in changes.items():
        if value is None:
            del deployment[name]
        else:
            deployment[name] = value
    return content


def found(folder: Path, content: Any) -> list[str]:
    path = folder / "prefect.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return findings(path)


def schedule(**changes: Any) -> list[dict[str, Any]]:
    return [{"slug": "often", "cron": "0 * * * *", "timezone": "Etc/UTC", **changes}]


def pool(**variables: Any) -> dict[str, Any]:
    return {"name": "data-getters", "job_variables": variables}


def test_the_file_that_is_shipped_is_in_order() -> None:
    assert findings() == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schedulez": []}, "schedulez: there is no such key. Did you mean 'schedules'?"),
        ({"paramters": {}}, "paramters: there is no such key. Did you mean 'parameters'?"),
        ({"schedules": schedule(crom="*")}, "crom: there is no such key. Did you mean 'cron'?"),
        (
            {"work_pool": {"name": "data-getters", "job_varibles": {}}},
            "job_varibles: there is no such key. Did you mean 'job_variables'?",
        ),
        ({"concurrency_limit": {"limit": 0, "collision_strategy": "ENQUEUE"}}, "limit:"),
        ({"concurrency_limit": {"limit": 1, "collision_strategy": "DROP"}}, "'DROP'"),
        ({"entrypoint": None}, "entrypoint: it is missing."),
        ({"entrypoint": "flows/slack_sync.py:slack_sync"}, "is not of the form"),
        ({"entrypoint": "flows.slack_snyc.slack_sync"}, "cannot be imported"),
        ({"entrypoint": "flows.slack_sync.slack_snyc"}, "cannot be imported"),
        ({"entrypoint": "flows.cli.main"}, "is not a flow"),
        ({"parameters": {"chanels": ["a"]}}, "no parameter 'chanels'. Did you mean 'channels'?"),
        ({"parameters": {"days_ago": -1}}, "less than the minimum"),
        ({"parameters": {"options": {"rescann": True}}}, "rescann"),
        (
            {"schedules": schedule(parameters={"options": {"max_delete_percent": 200}})},
            "schedule often: parameters:",
        ),
        (
            {"schedules": schedule(parameters={"days_ago": 1})},
            "Prefect empties its parameters when somebody pauses it",
        ),
        ({"schedules": schedule(cron="0 25 * * *")}, "cron is '0 25 * * *', which makes no sense"),
        ({"schedules": schedule(timezone="Berlin")}, "there is no time zone Berlin"),
        ({"schedules": schedule(timezone=None)}, "timezone is missing"),
        ({"schedules": schedule(interval=60)}, "exactly one of cron, interval and rrule"),
        ({"schedules": schedule(active=True)}, "starts it again where somebody paused it"),
        ({"schedules": schedule() * 2}, "two schedules have the slug often"),
        ({"schedules": [{"cron": "0 * * * *"}]}, "slug: it is missing."),
        ({"tags": ["slack"]}, "the tag data-getters is missing"),
        ({"concurrency_limit": None}, "no concurrency_limit"),
        ({"work_pool": {"name": "{{ $NO_SUCH_VARIABLE }}"}}, "NO_SUCH_VARIABLE is not set"),
        ({"description": "{{ get-commit.stdout }}"}, "a template that nothing fills in"),
        (
            {"work_pool": pool(env={"X": "{{ prefect.blocks.secret.slack }}"})},
            "would be stored in plain text",
        ),
        (
            {"work_pool": pool(env={"SLACK_BOT_TOKEN": "abc"})},
            "SLACK_BOT_TOKEN looks like a secret",
        ),
        ({"work_pool": pool(env={"X": "xoxb-1234567890-abcdefghij"})}, "env.X looks like a secret"),
        ({"parameters": {"workspace_url": "xoxb-1234567890-abcdefghij"}}, "looks like a secret"),
        ({"pull": [{"prefect.deployments.steps.git_klone": {}}]}, "which does not exist"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    sentences = found(tmp_path, slack_deployment(**changes))
    assert [sentence for sentence in sentences if told in sentence], sentences
    assert all("\n" not in sentence and sentence.startswith("slack: ") for sentence in sentences)
    assert not any("xoxb-1234567890" in sentence for sentence in sentences)


def test_two_deployments_of_a_flow_need_two_names(tmp_path: Path) -> None:
    content = slack_deployment()
    content["deployments"] = content["deployments"][:1] * 2
    [sentence] = found(tmp_path, content)
    assert sentence.startswith("slack: 2 deployments of flows.slack_sync.slack_sync")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "is not YAML"),
        ("- a", "holds no mapping"),
        ("name: a\nname: b\n", "the key 'name' stands twice in line 1"),
        ("name: a\ndeployments: []\n", "names no deployment"),
        ("name: a\ndeployments: x\n", "deployments: Input should be a valid"),
    ],
)
def test_a_file_of_the_wrong_shape_is_told(tmp_path: Path, text: str, told: str) -> None:
    [sentence] = found(tmp_path, text)
    assert told in sentence


def test_the_command_ends_with_1_and_a_line_for_each_finding(tmp_path: Path) -> None:
    path = tmp_path / "prefect.yaml"
    path.write_text(yaml.safe_dump(slack_deployment(tags=["a"], concurrency_limit=None)))
    done = CliRunner().invoke(main, ["--file", str(path)])
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 2
    assert CliRunner().invoke(main, []).exit_code == 0


def test_the_form_of_a_run_describes_every_field() -> None:
    for deployment in load_file().deployments:
        schema = flow_of(deployment.entrypoint).parameters.model_dump_for_openapi()
        fields = dict(schema["properties"])
        for definition in schema.get("definitions", {}).values():
            fields |= definition.get("properties", {})
        assert len(fields) > (10 if "credentials" in fields else 0)
        for name, field in fields.items():
            assert str(field.get("description", "")).strip().endswith("."), name
            assert {"type", "anyOf", "$ref", "enum"} & set(field), name
