"""Batches, retries and long texts, with a vendor's own server on this machine.

The model is a LangChain class of somebody else's, named by setting, which speaks HTTP and raises
its library's exceptions, as those of OpenAI, Cohere and the others do.
"""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedding_server import KEY, Answer, Server, vector_of

from stores.embedding_requests import RequestLimits, estimated_tokens, told_pause
from stores.embeddings import EmbeddingModel, load_embeddings
from stores.errors import EmbeddingError
from stores.settings import load_store_settings

MODULE = """
import httpx2
from langchain_core.embeddings import Embeddings

class VendorEmbeddings(Embeddings):
    def __init__(self, url, model="small", api_key="", dimensions=None):
        self.client = httpx2.Client(headers={"Authorization": "Bearer " + api_key})
        self.url, self.model = url, model

    def embed_documents(self, texts):
        answer = self.client.post(self.url + "/embeddings",
                                  json={"model": self.model, "input": texts})
        answer.raise_for_status()
        data = sorted(answer.json()["data"], key=lambda item: item["index"])
        return [item["embedding"] for item in data]

    def embed_query(self, text):
        return self.embed_documents([text])[0]

class Boastful(VendorEmbeddings):
    def __init__(self, api_key):
        raise ValueError("the key " + api_key + " is not mine")
"""
SETTING = "langchain:vendor_embeddings:VendorEmbeddings"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (tmp_path / "vendor_embeddings.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    server = Server()
    yield server
    server.close()


def loaded(server: Server, setting: str = SETTING, **limits: Any) -> EmbeddingModel:
    options = {"url": server.url, "api_key": KEY} if setting == SETTING else {}
    model = load_embeddings(
        setting, base_url=server.url, options=options, limits=RequestLimits(**limits)
    )
    assert model is not None
    server.requests.clear()
    return model


def refusing(server: Server, status: int, message: str, when: Any, **headers: str) -> None:
    def misbehave(number: int) -> Answer | None:
        body = server.requests[number - 1][2]
        return (status, headers, {"error": {"message": message}}) if when(body["input"]) else None

    server.misbehave = misbehave


def units(texts: list[str]) -> np.ndarray:
    matrix = np.array([vector_of(text) for text in texts], np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


class TestAnyLangChainClass:
    def test_it_is_named_by_setting_and_made_with_the_options(self, server: Server) -> None:
        model = loaded(server)
        assert model.embed_matrix(["a", "bb"]).tolist() == [vector_of("a"), vector_of("bb")]
        assert model.embed_question("bb").tolist() == vector_of("bb")
        assert server.requests[0][1]["Authorization"] == f"Bearer {KEY}"
        assert model.identity == SETTING

    def test_options_that_change_the_vectors_are_part_of_its_name(self, server: Server) -> None:
        def named(**options: Any) -> str:
            given = {"url": server.url, "api_key": KEY, **options}
            model = load_embeddings(SETTING, options=given)
            assert model is not None
            return model.identity

        assert named(dimensions=3) != named(dimensions=2) != named()
        assert named(api_key="another") == named(url=f"{server.url}/") == named()
        assert KEY not in named(dimensions=3)

    def test_secrets_in_options_are_in_no_error_and_no_settings(self, server: Server) -> None:
        with pytest.raises(EmbeddingError) as error:
            load_embeddings("langchain:vendor_embeddings:Boastful", options={"api_key": KEY})
        assert KEY not in error.value.sentence()
        assert "***" in error.value.sentence()
        settings = load_store_settings(embedding_options={"api_key": KEY, "dimensions": 3})
        assert KEY in settings.secrets()
        assert KEY not in repr(settings)

    def test_a_vendor_whose_package_is_missing_says_which(self) -> None:
        with pytest.raises(EmbeddingError) as error:
            load_embeddings("cohere:embed-v4.0")
        assert error.value.hint == "Install it: pip install langchain-cohere"

    def test_options_come_from_the_environment_as_json(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = json.dumps({"dimensions": 3})
        monkeypatch.setenv("DATA_GETTERS_STORES__EMBEDDING_OPTIONS", told)
        assert load_store_settings().embedding_options == {"dimensions": 3}


class TestBatches:
    def test_texts_go_in_batches_by_count_and_by_tokens(self, server: Server) -> None:
        texts = [f"{i:04} {'x' * 395}" for i in range(50)]
        loaded(server, texts=7).embed_matrix(texts)
        assert [len(body["input"]) for _, _, body in server.requests] == [7] * 7 + [1]
        model = loaded(server, tokens=1_000)
        assert np.array_equal(model.embed_matrix(texts), [vector_of(text) for text in texts])
        for _, _, body in server.requests:
            assert sum(map(estimated_tokens, body["input"])) <= 1_000

    def test_only_so_many_requests_are_under_way(self, server: Server) -> None:
        lock, now, most = threading.Lock(), 0, 0

        def misbehave(number: int) -> None:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.03)
            with lock:
                now -= 1

        model = loaded(server, texts=1, concurrency=3)
        server.misbehave = misbehave
        texts = ["a" * i for i in range(1, 13)]
        assert np.array_equal(model.embed_matrix(texts), [vector_of(text) for text in texts])
        assert most == 3

    def test_a_refusal_stops_what_was_still_to_be_asked(self, server: Server) -> None:
        model = loaded(server, texts=1, concurrency=2)
        refusing(server, 401, "no such key", lambda texts: True)
        with pytest.raises(EmbeddingError, match="401"):
            model.embed_matrix([f"text {i}" for i in range(40)])
        assert len(server.requests) < 20

    def test_half_an_answer_is_none(self, server: Server) -> None:
        model = loaded(server)
        right = server.answer
        server.answer = lambda path, body: right(path, {**body, "input": body["input"][::2]})  # type: ignore[method-assign]
        with pytest.raises(EmbeddingError, match="2 vectors for 4 texts"):
            model.embed_matrix(list("abcd"))


@pytest.mark.parametrize("setting", [SETTING, "openai:small"])
class TestRetries:
    @pytest.mark.parametrize("status", [408, 429, 500, 503])
    def test_what_may_pass_is_asked_again_after_the_told_time(
        self, server: Server, setting: str, status: int
    ) -> None:
        model = loaded(server, setting)
        began = time.monotonic()
        server.misbehave = lambda n: (status, {"Retry-After": "0.2"}, b"") if n == 1 else None
        assert model.embed_matrix(["a"]).tolist() == [vector_of("a")]
        assert len(server.requests) == 2
        assert time.monotonic() - began >= 0.2

    @pytest.mark.parametrize(
        ("status", "body"), [(400, "bad"), (401, "key"), (403, "no"), (404, "gone")]
    )
    def test_what_stays_refused_is_asked_once(
        self, server: Server, setting: str, status: int, body: str
    ) -> None:
        model = loaded(server, setting)
        refusing(server, status, body, lambda texts: True)
        with pytest.raises(EmbeddingError, match=str(status)) as error:
            model.embed_matrix(["a"])
        assert not error.value.retryable
        assert len(server.requests) == 1

    def test_a_server_that_is_gone_may_be_asked_later(
        self, server: Server, setting: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = loaded(server, setting)
        server.hang_up = True
        monkeypatch.setattr("stores.embedding_requests._pause", lambda attempt: 0.0)
        with pytest.raises(EmbeddingError, match="5 times") as error:
            model.embed_matrix(["a"])
        assert error.value.retryable
        assert KEY not in error.value.sentence()


class TestQuota:
    def test_a_quota_that_is_used_up_is_not_asked_again(self, server: Server) -> None:
        model = loaded(server, "openai:small")
        server.misbehave = lambda number: (
            429, {}, {"error": {"message": "You exceeded your current quota",
                                "code": "insufficient_quota"}},
        )  # fmt: skip
        with pytest.raises(EmbeddingError, match="429") as error:
            model.embed_matrix(["a"])
        assert "Top up" in error.value.hint
        assert len(server.requests) == 1


class TestLongTexts:
    MESSAGE = "This model's maximum context length is 100 tokens"

    def test_a_text_above_the_limit_is_split_and_its_vector_the_mean(self, server: Server) -> None:
        model = loaded(server, text_tokens=100)
        text = " ".join(["aword"] * 200)
        vector = model.embed_matrix(["a", text])[1]
        sent = [text for _, _, body in server.requests for text in body["input"]]
        assert "".join(sent[1:]) == text
        assert max(map(estimated_tokens, sent)) <= 101
        mean = np.array([len(part) for part in sent[1:]]) @ units(sent[1:])
        assert np.allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)
        assert model.split_texts == 1

    @pytest.mark.parametrize("setting", [SETTING, "openai:small"])
    @pytest.mark.parametrize("status", [400, 413])
    def test_what_the_model_finds_too_long_is_halved_until_it_is_not(
        self, server: Server, setting: str, status: int
    ) -> None:
        model = loaded(server, setting)
        refusing(server, status, self.MESSAGE, lambda texts: any(len(text) > 400 for text in texts))
        short = [f"short {i}" for i in range(9)]
        texts = [*short[:4], "long " * 200, *short[4:]]
        matrix = model.embed_matrix(texts)
        others = [i for i in range(10) if i != 4]
        assert np.array_equal(matrix[others], [vector_of(text) for text in short])
        assert np.isclose(np.linalg.norm(matrix[4]), 1)
        assert model.split_texts >= 1

    def test_a_server_that_finds_everything_too_long_ends_in_a_sentence(
        self, server: Server
    ) -> None:
        model = loaded(server, "openai:small")
        refusing(server, 400, self.MESSAGE, lambda texts: True)
        with pytest.raises(EmbeddingError, match="maximum context length"):
            model.embed_matrix(["some words " * 20])
        assert len(server.requests) < 20


def test_tokens_are_estimated() -> None:
    assert [estimated_tokens(text) for text in ("", "a", "word", "words", "東京", "größe")] == [
        0, 1, 1, 2, 2, 3,
    ]  # fmt: skip


def test_times_are_told_as_numbers_and_as_dates() -> None:
    assert told_pause("1.5") == 1.5
    assert told_pause("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert told_pause("soon") is None
