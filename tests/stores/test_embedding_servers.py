"""Embedding models behind HTTP, against a real server on this machine."""

from collections.abc import Iterator

import numpy as np
import pytest
from embedding_server import KEY, Server, vector_of

from stores.embeddings import EmbeddingModel, load_embeddings
from stores.errors import EmbeddingError


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(params=["openai", "ollama"])
def model(request: pytest.FixtureRequest, server: Server) -> EmbeddingModel:
    base = f"{server.url}/v1" if request.param == "openai" else server.url
    model = load_embeddings(f"{request.param}:small", base_url=base, api_key=KEY)
    assert model is not None
    server.requests.clear()
    return model


class TestBothServers:
    def test_vectors_come_in_the_order_of_the_texts(self, model: EmbeddingModel) -> None:
        texts = [f"{'a' * i}b" for i in range(20)]
        assert model.embed_matrix(texts).tolist() == [vector_of(text) for text in texts]
        assert model.embed_question("aab").tolist() == vector_of("aab")
        assert model.dimensions == 3

    def test_many_texts_go_in_several_requests(self, model: EmbeddingModel, server: Server) -> None:
        texts = [f"{i} " + "x" * 1_999 for i in range(700)]
        assert np.array_equal(model.embed_matrix(texts), [vector_of(text) for text in texts])
        sizes = [len(body["input"]) for _, _, body in server.requests]
        assert sum(sizes) == 700
        assert max(sizes) <= 256
        assert max(sum(map(len, body["input"])) for _, _, body in server.requests) <= 400_000

    def test_an_empty_text_is_not_sent_as_such(self, model: EmbeddingModel, server: Server) -> None:
        assert model.embed_matrix(["", "a"]).shape == (2, 3)
        assert "" not in server.requests[0][2]["input"]

    def test_a_busy_server_is_asked_again(self, model: EmbeddingModel, server: Server) -> None:
        server.misbehave = lambda number: (
            (429, {"Retry-After": "0.05"}, {"error": {"message": "slow down"}})
            if number <= 2
            else None
        )
        assert model.embed_matrix(["a"]).tolist() == [vector_of("a")]
        assert len(server.requests) == 3

    def test_a_server_that_stays_down_is_given_up_and_may_be_retried(
        self, model: EmbeddingModel, server: Server
    ) -> None:
        server.misbehave = lambda number: (503, {"Retry-After": "0"}, b"down")
        with pytest.raises(EmbeddingError, match="503, 5 times") as error:
            model.embed_matrix(["a"])
        assert error.value.retryable
        assert len(server.requests) == 5

    @pytest.mark.parametrize(("status", "hint"), [(401, "key"), (404, "name"), (400, "")])
    def test_a_refusal_is_told_at_once_without_the_key(
        self, model: EmbeddingModel, server: Server, status: int, hint: str
    ) -> None:
        server.misbehave = lambda number: (status, {}, {"error": {"message": "no such model"}})
        with pytest.raises(EmbeddingError, match=f"{status}: no such model") as error:
            model.embed_matrix(["a"])
        assert hint in error.value.hint
        assert KEY not in error.value.sentence()
        assert not error.value.retryable
        assert len(server.requests) == 1

    @pytest.mark.parametrize("content", [b"<html>", b"[]", {"data": None}, {"embeddings": {}}])
    def test_an_answer_that_is_none_says_so(
        self, model: EmbeddingModel, server: Server, content: object
    ) -> None:
        server.misbehave = lambda number: (200, {}, content)
        with pytest.raises(EmbeddingError, match="answer"):
            model.embed_matrix(["a"])

    def test_too_few_vectors_name_the_model(self, model: EmbeddingModel, server: Server) -> None:
        right = server.answer
        server.answer = lambda path, body: right(path, {**body, "input": body["input"][1:]})  # type: ignore[method-assign]
        with pytest.raises(EmbeddingError, match=r"small.* 1 vectors for 2 texts"):
            model.embed_matrix(["a", "b"])


class TestOpenAI:
    def test_the_key_is_sent_and_the_identity_tells_the_server(self, server: Server) -> None:
        model = load_embeddings("openai:small", base_url=f"{server.url}/v1/", api_key=KEY)
        assert model is not None
        path, headers, body = server.requests[0]
        assert path == "/v1/embeddings"
        assert headers["Authorization"] == f"Bearer {KEY}"
        assert body["model"] == "small"
        assert model.identity == f"openai:small@{server.url}/v1"
        assert KEY not in model.identity

    def test_a_server_of_ones_own_needs_no_key(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        load_embeddings("openai:small", base_url=server.url)
        assert "Authorization" not in server.requests[0][1]

    def test_without_key_and_url_it_says_what_is_missing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(EmbeddingError) as error:
            load_embeddings("openai:small")
        assert "OPENAI_API_KEY" in error.value.hint


class TestOllama:
    def test_the_identity_does_not_depend_on_where_it_runs(self, server: Server) -> None:
        model = load_embeddings("ollama:nomic-embed-text", base_url=server.url)
        assert model is not None
        assert model.identity == "ollama:nomic-embed-text"
        assert server.requests[0][0] == "/api/embed"
