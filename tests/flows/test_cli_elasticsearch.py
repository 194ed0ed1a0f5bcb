"""The command line with document index and vectors on Elasticsearch: sync, search, reindex."""

import pytest

pytest.importorskip("elasticsearch", reason="the Elasticsearch client is not installed")

from command_line import CommandLine
from elasticsearch import Elasticsearch
from servers.elasticsearch.fixture import (
    elasticsearch_client,
    elasticsearch_installation,
    elasticsearch_prefix,
    elasticsearch_url,
)

__all__ = [
    "elasticsearch_client",
    "elasticsearch_installation",
    "elasticsearch_prefix",
    "elasticsearch_url",
]

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

# Nothing listens there; the password is in the address a person gave.
AWAY = "http://ann:sesame-open@127.0.0.1:9"


@pytest.fixture
def on_server(fresh: CommandLine, elasticsearch_url: str, elasticsearch_prefix: str) -> CommandLine:
    """The command line of a person whose stores are on Elasticsearch."""
    url = f"{elasticsearch_url}?prefix={elasticsearch_prefix}"
    return with_stores(fresh, url)


def with_stores(command_line: CommandLine, url: str) -> CommandLine:
    return command_line.having(
        DATA_GETTERS_STORES__DOCUMENT_INDEX=url, DATA_GETTERS_STORES__VECTOR_STORE=url
    )


def test_what_is_synced_is_found_and_built_anew(
    on_server: CommandLine, elasticsearch_client: Elasticsearch, elasticsearch_prefix: str
) -> None:
    ended = on_server.run("sync", "slack", "--json")
    assert ended.code == 0, ended.err
    written = ended.json["counts"]["new"]
    assert written > 50

    def found() -> list[str]:
        searched = on_server.run("search", "release", "--limit", "20", "--json")
        assert searched.code == 0, searched.err
        return [result["id"] for result in searched.json]

    before = found()
    assert before
    listed = on_server.run("reindex", "--list", "--json").json
    assert [row["index"] for row in listed] == [
        f"{elasticsearch_prefix}-documents-slack-v1",
        f"{elasticsearch_prefix}-chunks-v1",
    ]
    assert listed[0]["documents"] == written
    assert not any(row["outdated"] for row in listed)

    nothing = on_server.run("reindex")
    assert nothing.code == 0, nothing.err
    assert "nothing to do" in nothing.out

    ended = on_server.run("reindex", "--all", "--vectors", "--json")
    assert ended.code == 0, ended.err
    assert [built["now"] for built in ended.json["built"]] == [
        f"{elasticsearch_prefix}-documents-slack-v2",
        f"{elasticsearch_prefix}-chunks-v2",
    ]
    assert ended.json["vectors"] == written
    assert ended.json["refused"] == {}
    assert found() == before
    shown = on_server.run("reindex", "--list")
    assert "chunks-v3" in shown.out

    ended = on_server.run("reindex", "--drop-old", "--json")
    assert len(ended.json["dropped"]) == 3
    left = elasticsearch_client.indices.get(index=f"{elasticsearch_prefix}*").body
    assert sorted(left) == [
        f"{elasticsearch_prefix}-chunks-v3",
        f"{elasticsearch_prefix}-documents-slack-v2",
    ]
    assert found() == before
    again = on_server.run("sync", "slack", "--json")
    assert again.code == 0, again.err
    assert (again.json["counts"]["new"], again.json["counts"]["changed"]) == (0, 0)


def test_a_change_of_the_chunk_size_is_brought_in_by_building_the_vectors_anew(
    on_server: CommandLine, elasticsearch_client: Elasticsearch, elasticsearch_prefix: str
) -> None:
    ended = on_server.run("sync", "slack", "--kinds", "public", "--json")
    assert ended.code == 0, ended.err

    def number() -> int:
        name = f"{elasticsearch_prefix}-chunks"
        elasticsearch_client.indices.refresh(index=name)
        return int(elasticsearch_client.count(index=name)["count"])

    before = number()
    smaller = on_server.having(
        DATA_GETTERS_STORES__CHUNK_CHARACTERS="200", DATA_GETTERS_STORES__CHUNK_OVERLAP="20"
    )
    ended = smaller.run("reindex", "--vectors", "--drop-old", "--json")
    assert ended.code == 0, ended.err
    assert number() > before


@pytest.mark.parametrize("arguments", [("search", "x"), ("sync", "slack"), ("reindex",)])
def test_a_server_that_is_away_is_one_sentence_without_the_password(
    fresh: CommandLine, arguments: tuple[str, ...]
) -> None:
    ended = with_stores(fresh, AWAY).run(*arguments)
    assert ended.code == 1
    assert "cannot be reached" in ended.complaint()
    assert "sesame" not in ended.out + ended.err
