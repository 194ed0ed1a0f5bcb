"""Embedding models behind an HTTP API: OpenAI's, whatever speaks it, and Ollama.

Each asks for the vectors of one batch, once. Batches, retries and texts that are too long are the
matter of `stores.embedding_requests`.
"""

import os
from collections.abc import Mapping
from typing import Any, Final

import httpx2
import orjson

from stores.embedding_requests import ServerRefusedError
from stores.errors import EmbeddingError

OPENAI_URL: Final = "https://api.openai.com/v1"
OLLAMA_URL: Final = "http://localhost:11434"

_TIMEOUT_SECONDS: Final = 120.0


class OpenAIServer:
    """`POST {base_url}/embeddings`.

    Args:
        model: Its name there.
        base_url: None for OpenAI itself.
        api_key: None takes `OPENAI_API_KEY`.
        options: More fields of each request, such as `dimensions`.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.url = (base_url or OPENAI_URL).rstrip("/")
        key = api_key or os.environ.get("OPENAI_API_KEY", "")
        if not key and base_url is None:
            raise EmbeddingError(
                f"The embedding model openai:{model} needs an API key.",
                hint="Set OPENAI_API_KEY, or the base URL of a server that needs none.",
            )
        self.identity = f"openai:{model}" if base_url is None else f"openai:{model}@{self.url}"
        self._fields = {**(options or {}), "model": model}
        self._client = _Client(self.identity, f"{self.url}/embeddings", key)

    def embed(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts, in order."""
        # An empty text is refused; a blank has no meaning either.
        answer = self._client.post({**self._fields, "input": [text or " " for text in texts]})
        data = answer.get("data")
        if not isinstance(data, list):
            raise EmbeddingError(f"The server of {self.identity} answered without data.")
        return [item["embedding"] for item in sorted(data, key=lambda item: item.get("index", 0))]


class OllamaServer:
    """`POST {base_url}/api/embed`.

    Args:
        model: Its name there.
        base_url: None for the usual place on this machine.
        options: More fields of each request.
    """

    def __init__(
        self, model: str, base_url: str | None = None, options: Mapping[str, Any] | None = None
    ) -> None:
        self.url = (base_url or OLLAMA_URL).rstrip("/")
        self.identity = f"ollama:{model}"
        self._fields = {"truncate": True, **(options or {}), "model": model}
        self._client = _Client(self.identity, f"{self.url}/api/embed", "")

    def embed(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts, in order."""
        answer = self._client.post({**self._fields, "input": [text or " " for text in texts]})
        data = answer.get("embeddings")
        if not isinstance(data, list):
            raise EmbeddingError(f"The server of {self.identity} answered without embeddings.")
        return data


class _Client:
    """Posts JSON, once."""

    def __init__(self, model: str, url: str, key: str) -> None:
        self._model = model
        self._url = url
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx2.Client(headers=headers, timeout=_TIMEOUT_SECONDS)

    def post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The server's answer.

        Raises:
            ServerRefusedError: It refused.
            EmbeddingError: It answered something else than JSON.
        """
        response = self._http.post(self._url, content=orjson.dumps(body))
        if not response.is_success:
            headers = {name.lower(): value for name, value in response.headers.items()}
            raise ServerRefusedError(_reason(response), response.status_code, headers)
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise EmbeddingError(f"The server of {self._model} at {self._url} did not answer JSON.")
        return answer


def _reason(response: httpx2.Response) -> str:
    """The server's own words; it does not repeat the key it was sent."""
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return response.reason_phrase
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return str(error or response.reason_phrase)
    words = [error.get("message"), error.get("code")]
    return " ".join(str(word) for word in words if word) or response.reason_phrase
