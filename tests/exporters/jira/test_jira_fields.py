"""Custom fields get exactly one kind of value, and the well-known ones their own place."""

from typing import Any

import pytest

from exporters.jira.adf import adf_to_markdown
from exporters.jira.fields import (
    SLA,
    SPRINT,
    STORY_POINTS,
    TEXT_AREA,
    custom_fields,
    epoch_ms,
    field_summary,
    request_type,
    slas,
    sprints,
    story_points,
    without_running_clocks,
)

TYPES = "com.atlassian.jira.plugin.system.customfieldtypes"


def info(name: str, kind: str, custom: str = "", items: str = "") -> dict[str, Any]:
    return {"name": name, "type": kind, "custom": custom, "items": items, "in_text": False}


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3.5, "number", {"value_number": 3.5}),
        ("2026-11-20", "date", {"value_date": "2026-11-20T00:00:00.000000Z"}),
        (
            "2026-11-20T13:00:00.000+0100",
            "datetime",
            {"value_date": "2026-11-20T12:00:00.000000Z"},
        ),
        ("Red", "string", {"value_keyword": ["Red"]}),
        ("a\nb", "string", {"value_text": "a\nb"}),
        ({"value": "High", "id": "1"}, "option", {"value_keyword": ["High"]}),
        (
            {"value": "Europe", "child": {"value": "Spain"}},
            "option-with-child",
            {"value_keyword": ["Europe > Spain"]},
        ),
        (
            [{"displayName": "Ada", "accountId": "5b"}, {"displayName": "Bob"}],
            "array",
            {"value_keyword": ["Ada", "Bob"]},
        ),
        (["a", "b", "a"], "array", {"value_keyword": ["a", "b"]}),
        (True, "any", {"value_keyword": ["true"]}),
        ({"odd": {"deep": 1}}, "any", {"value_text": '{"odd": {"deep": 1}}'}),
        (
            {"type": "doc", "content": [{"type": "text", "text": "Hot"}]},
            "string",
            {"value_text": "Hot"},
        ),
    ],
)  # fmt: skip
def test_a_value_is_typed_by_its_schema(value: Any, kind: str, expected: dict[str, Any]) -> None:
    known = {"customfield_1": info("Field", kind)}
    [entry] = custom_fields({"customfield_1": value}, known, adf_to_markdown)
    assert entry == {"id": "customfield_1", "name": "Field", "type": kind, **expected}


def test_empty_fields_and_ranks_are_left_out() -> None:
    known = {"customfield_2": info("Rank", "any", "com.pyxis.greenhopper.jira:gh-lexo-rank")}
    values = {
        "customfield_1": None,
        "customfield_2": "0|i0007",
        "customfield_3": [],
        "summary": "x",
    }
    assert custom_fields(values, known, adf_to_markdown) == []


def test_a_field_that_nobody_described_is_known_by_its_id() -> None:
    [entry] = custom_fields({"customfield_9": {"name": "X"}}, {}, adf_to_markdown)
    assert entry["name"] == "customfield_9"
    assert entry["value_keyword"] == ["X"]


def test_sprints_are_read_from_objects_and_from_the_text_of_data_center() -> None:
    legacy = (
        "com.atlassian.greenhopper.service.sprint.Sprint@1b4d2f[id=7,rapidViewId=3,state=CLOSED,"
        "name=Sprint 7, the last,startDate=2026-11-02T09:00:00.000Z,endDate=<null>,"
        "completeDate=<null>,goal=Boil]"
    )
    known = {"customfield_1": info("Sprint", "array", SPRINT)}
    cloud = {"id": 8, "name": "Sprint 8", "state": "active", "boardId": 3, "goal": ""}
    first, second = sprints({"customfield_1": [legacy, cloud]}, known)
    assert first == {
        "id": "7",
        "name": "Sprint 7, the last",
        "state": "closed",
        "board_id": "3",
        "goal": "Boil",
        "start": "2026-11-02T09:00:00.000000Z",
        "end": None,
        "completed": None,
    }
    assert (second["name"], second["board_id"], second["goal"]) == ("Sprint 8", "3", None)


def test_story_points_are_found_by_kind_or_by_name() -> None:
    by_kind = {"customfield_1": info("Estimate", "number", STORY_POINTS)}
    by_name = {"customfield_2": info("Story Points", "number", f"{TYPES}:float")}
    assert story_points({"customfield_1": 3}, by_kind) == 3.0
    assert story_points({"customfield_2": 5.5}, by_name) == 5.5
    assert story_points({"customfield_2": 5.5}, {}) is None


def test_a_request_type_is_read_from_cloud_and_from_data_center() -> None:
    known = {"customfield_1": info("Request Type", "sd", "com.atlassian.servicedesk:vp-origin")}
    cloud = {
        "requestType": {"id": "12", "name": "New kettle"},
        "currentStatus": {"status": "Waiting for support"},
        "_links": {"web": "https://e.example/portal/1"},
    }
    assert request_type({"customfield_1": cloud}, known) == {
        "id": "12",
        "name": "New kettle",
        "status": "Waiting for support",
        "url": "https://e.example/portal/1",
    }
    assert request_type({"customfield_1": "help/kettle"}, known) == {
        "id": None,
        "name": "help/kettle",
        "status": None,
        "url": None,
    }


def test_an_sla_tells_of_breaches_and_not_of_the_moment_it_was_read() -> None:
    known = {"customfield_1": info("Time to resolution", "sd-servicelevelagreement", SLA)}
    value = {
        "name": "Time to resolution",
        "completedCycles": [{"breached": True, "goalDuration": {"millis": 1000}}],
        "ongoingCycle": {
            "breached": False,
            "paused": True,
            "goalDuration": {"millis": 7_200_000},
            "breachTime": {"iso8601": "2026-11-20T13:00:00+0100"},
            "remainingTime": {"millis": 17},
        },
    }
    [sla] = slas({"customfield_1": value}, known)
    assert sla == {
        "name": "Time to resolution",
        "ongoing": True,
        "breached": True,
        "paused": True,
        "goal_ms": 7_200_000,
        "breach_at": "2026-11-20T12:00:00.000000Z",
        "completed_cycles": 1,
    }
    assert "remainingTime" not in without_running_clocks(value)["ongoingCycle"]


def test_a_time_is_the_same_in_whatever_zone_it_was_told() -> None:
    assert epoch_ms("2026-11-20T13:00:00.123+0100") == epoch_ms("2026-11-20T07:00:00.123-0500")
    assert epoch_ms("yesterday") is None


def test_a_field_belongs_into_the_text_by_its_lines_or_by_its_name() -> None:
    area = {"id": "customfield_1", "name": "Cause", "schema": {"custom": TEXT_AREA}}
    line = {"id": "customfield_2", "name": "Motto", "schema": {"custom": f"{TYPES}:textfield"}}
    assert field_summary(area)["in_text"]
    assert not field_summary(line)["in_text"]
    assert field_summary(line, ["motto"])["in_text"]
    assert field_summary(line, ["customfield_2"])["in_text"]
    assert not field_summary(area, ["motto"])["in_text"]
