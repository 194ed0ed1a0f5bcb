"""Ids, principals, times and the metadata that every document carries."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from documents.ids import MAX_ID_BYTES, document_id, parse_document_id
from documents.metadata import FIELDS, RUN_FIELDS, make_document
from documents.principals import (
    DENY_ALL,
    PUBLIC,
    domain,
    group,
    is_principal,
    normalize_access,
    user,
    user_without_email,
    workspace,
)
from documents.times import iso_utc, now_iso, parse_iso

# --- ids --------------------------------------------------------------------------------------


def test_an_id_is_its_four_parts_and_can_be_taken_apart() -> None:
    identifier = document_id("slack", "T1", "thread", "C1:1700000000.000100")
    assert identifier == "slack:T1:thread:C1:1700000000.000100"
    assert parse_document_id(identifier) == ("slack", "T1", "thread", "C1:1700000000.000100")


@pytest.mark.parametrize(
    "parts",
    [
        ("", "T1", "thread", "1"),
        ("slack", "", "thread", "1"),
        ("slack", "T1", "", "1"),
        ("slack", "T1", "thread", ""),
        ("sl:ack", "T1", "thread", "1"),
        ("slack", "T:1", "thread", "1"),
        ("slack", "T1", "thr:ead", "1"),
    ],
)
def test_an_id_that_could_not_be_taken_apart_is_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"must"):
        document_id(*parts)


@pytest.mark.parametrize("text", ["", "slack", "slack:T1:thread", "slack::thread:1", "a:b:c:"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a document id"):
        parse_document_id(text)


def test_a_long_id_is_cut_to_what_elasticsearch_takes_and_stays_its_own() -> None:
    one = document_id("drive", "c", "file", "é" * 400 + "1")
    two = document_id("drive", "c", "file", "é" * 400 + "2")
    assert one != two
    assert len(one.encode()) <= MAX_ID_BYTES
    assert one == document_id("drive", "c", "file", "é" * 400 + "1")
    assert parse_document_id(one).entity == "file"


def test_an_id_of_exactly_the_longest_length_is_left_alone() -> None:
    native = "x" * (MAX_ID_BYTES - len("a:b:c:"))
    assert document_id("a", "b", "c", native) == f"a:b:c:{native}"
    assert "~" in document_id("a", "b", "c", native + "x")


# --- principals -------------------------------------------------------------------------------


def test_principals_are_written_in_one_way() -> None:
    assert workspace("T1") == "workspace:T1"
    assert domain("Acme.Example") == "domain:acme.example"
    assert group("slack", "C1") == "group:slack:C1"
    assert user(" Ada@Acme.Example ") == "user:ada@acme.example"
    assert user_without_email("slack", "U1") == "user:slack:U1"
    made = [workspace("T1"), domain("d"), group("s", "1"), user("a@b"), PUBLIC, DENY_ALL]
    assert all(map(is_principal, made))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "everyone",
        "user:",
        "user: ",
        "group:slack",
        "group:slack:",
        "public:x",
        "User:a@b",
        "x y",
    ],
)
def test_what_is_no_principal_is_refused(text: str) -> None:
    assert not is_principal(text)
    with pytest.raises(ValueError, match="not a principal"):
        normalize_access([PUBLIC, text])


@pytest.mark.parametrize(
    ("given", "normalised"),
    [
        ([], [DENY_ALL]),
        (["user:b@x", "user:a@x", "user:b@x"], ["user:a@x", "user:b@x"]),
        (["user:a@x", PUBLIC], [PUBLIC]),
        ([PUBLIC, DENY_ALL, "user:a@x"], [DENY_ALL]),
        (iter(["user:a@x"]), ["user:a@x"]),
    ],
)
def test_access_is_never_empty_and_deny_wins(given: Any, normalised: list[str]) -> None:
    assert normalize_access(given) == normalised


# --- times ------------------------------------------------------------------------------------


def test_times_are_utc_with_microseconds_and_sort_as_text() -> None:
    moment = datetime(2026, 11, 20, 17, 40, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert iso_utc(moment) == "2026-11-20T12:10:00.000000Z"
    later = [moment + timedelta(microseconds=n) for n in (0, 1, 10**6, 10**11)]
    assert [iso_utc(m) for m in later] == sorted(iso_utc(m) for m in later)
    assert parse_iso(iso_utc(moment)) == moment
    assert parse_iso(now_iso()).tzinfo is not None


def test_a_time_without_a_zone_is_refused_when_written_and_utc_when_read() -> None:
    with pytest.raises(ValueError, match="a time without a zone"):
        iso_utc(datetime(2026, 1, 1))
    assert parse_iso("2026-01-01T00:00:00") == datetime(2026, 1, 1, tzinfo=UTC)
    assert parse_iso("2026-01-01T00:00:00Z") == datetime(2026, 1, 1, tzinfo=UTC)


def test_times_before_the_year_1000_keep_their_width() -> None:
    assert iso_utc(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"


# --- metadata ---------------------------------------------------------------------------------


def made(**fields: Any) -> Any:
    required: dict[str, Any] = {
        "source": "jira",
        "connection": "acme",
        "entity": "issue",
        "native_id": "10001",
        "external_id": "10001",
        "content": "It is broken.",
        "title": "Broken",
        "access": ["workspace:acme"],
    }
    return make_document(**{**required, **fields})


def test_a_document_speaks_the_vocabulary_and_no_other() -> None:
    document = made()
    assert document.id == "jira:acme:issue:10001"
    assert document.page_content == "It is broken."
    written_by_the_run = RUN_FIELDS | {"content_hash", "access_hash"}
    assert set(document.metadata) == set(FIELDS) - written_by_the_run


def test_what_is_not_told_is_none_and_extra_is_an_object() -> None:
    metadata = made().metadata
    for name in ("url", "container", "author", "created_at", "updated_at", "version", "parent_id"):
        assert metadata[name] is None
    assert metadata["extra"] == {}


def test_updated_is_created_where_the_source_tells_no_other() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    metadata = made(created_at=moment).metadata
    assert metadata["created_at"] == metadata["updated_at"] == "2026-01-02T03:04:05.000000Z"
    later = made(created_at=moment, updated_at=moment + timedelta(days=1)).metadata
    assert later["updated_at"] == "2026-01-03T03:04:05.000000Z"


def test_no_access_is_deny_all_and_a_malformed_one_is_refused() -> None:
    assert made(access=[]).metadata["access"] == [DENY_ALL]
    with pytest.raises(ValueError, match="not a principal"):
        made(access=["everybody"])
    with pytest.raises(ValueError, match="without a zone"):
        made(created_at=datetime(2026, 1, 1))


def test_what_is_given_is_copied() -> None:
    extra: dict[str, Any] = {"labels": ["a"]}
    container = {"id": "P", "name": "Project", "url": None}
    metadata = made(extra=extra, container=container).metadata
    extra["labels2"] = 1
    container["name"] = "Other"
    assert metadata["extra"] == {"labels": ["a"]}
    assert metadata["container"]["name"] == "Project"
