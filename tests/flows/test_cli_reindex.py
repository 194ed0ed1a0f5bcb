"""`data-getters reindex` where everything is in the embedded file."""

import pytest
from command_line import CommandLine

pytestmark = pytest.mark.prefect


def test_vectors_in_the_embedded_file_are_built_anew(fresh: CommandLine) -> None:
    assert fresh.json("sync", "slack", "--kinds", "public")["counts"]["new"] > 20
    before = fresh.json("search", "release", "--limit", "10")
    assert before
    assert fresh.json("reindex")["vectors"] is None  # a file has no index to build anew
    again = fresh.json("reindex", "--vectors")
    assert again["vectors"] > 20
    assert fresh.json("search", "release", "--limit", "10") == before
    smaller = fresh.having(
        DATA_GETTERS_STORES__CHUNK_CHARACTERS="200", DATA_GETTERS_STORES__CHUNK_OVERLAP="20"
    )
    assert smaller.json("reindex", "--vectors")["vectors"] == again["vectors"]
    found = smaller.json("search", "release", "--limit", "10")
    assert max(len(result["passage"]) for result in found if "vectors" in result["found_by"]) <= 200


def test_without_a_model_there_are_no_vectors_to_build(fresh: CommandLine) -> None:
    wordless = fresh.having(DATA_GETTERS_STORES__EMBEDDING_MODEL="none")
    ended = wordless.run("reindex", "--vectors")
    assert ended.code == 64
    assert "No embedding model is set" in ended.complaint()
