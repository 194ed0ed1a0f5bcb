"""Embedding models behind an HTTP API: OpenAI's, whatever speaks it, and Ollama."""

import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2
import orjson

from stores.errors import EmbeddingError

OPENAI_URL: Final = "https://api.openai.com/v1"
OLLAMA_URL: Final = "http://localhost:11434"

_TEXTS_AT_ONCE: Final = 256
_CHARACTERS_AT_ONCE: Final = 400_000
"""OpenAI takes at most 2,048 texts and 300,000 tokens in one request
(https://platform.openai.com/docs/api-reference/embeddings/create)."""

_ATTEMPTS: Final = 5
_LONGEST_WAIT_SECONDS: Final = 60.0
_TIMEOUT_SECONDS: Final = 120.0


class OpenAIServer:
    """`POST {base_url}/embeddings`."""

    def __init__(self, model: str, base_url: str | None = None, api_key: str | None = None) -> None:
        url = (base_url or OPENAI_URL).rstrip("/")
        key = api_key or os.environ.get("OPENAI_API_KEY", "")
        if not key and base_url is None:
            raise EmbeddingError(
                f"The embedding model openai:{model} needs an API key.",
                hint="Set OPENAI_API_KEY, or the base URL of a server that needs none.",
            )
        self.identity = f"openai:{model}" if base_url is None else f"openai:{model}@{url}"
        self._model = model
        self._client = _Client(self.identity, f"{url}/embeddings", key)

    def embed(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts, in order."""
        vectors: list[list[float]] = []
        for batch in _batches(texts):
            # An empty text is refused; a blank has no meaning either.
            answer = self._client.post(
                {"model": self._model, "input": [text or " " for text in batch]}
            )
            data = answer.get("data")
            if not isinstance(data, list):
                raise EmbeddingError(f"The server of {self.identity} answered without data.")
            vectors += [
                item["embedding"] for item in sorted(data, key=lambda item: item.get("index", 0))
            ]
        return vectors


class OllamaServer:
    """`POST {base_url}/api/embed`."""

    def __init__(self, model: str, base_url: str | None = None) -> None:
        url = (base_url or OLLAMA_URL).rstrip("/")
        self.identity = f"ollama:{model}"
        self._model = model
        self._client = _Client(self.identity, f"{url}/api/embed", "")

    def embed(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts, in order."""
        vectors: list[list[float]] = []
        for batch in _batches(texts):
            answer = self._client.post(
                {"model": self._model, "input": [text or " " for text in batch], "truncate": True}
            )
            data = answer.get("embeddings")
            if not isinstance(data, list):
                raise EmbeddingError(f"The server of {self.identity} answered without embeddings.")
            vectors += data
        return vectors


class _Client:
    """Posts JSON and retries what may pass, a bounded number of times."""

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
            EmbeddingError: It refused, or did not answer after several attempts.
        """
        content = orjson.dumps(body)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = self._http.post(self._url, content=content)
            except httpx2.TransportError as error:
                trouble = f"does not answer ({type(error).__name__})"
                wait = _pause(attempt)
            else:
                if response.is_success:
                    return self._read(response)
                if response.status_code not in (408, 409, 429) and response.status_code < 500:
                    raise self._refused(response)
                trouble = f"answered {response.status_code}"
                told = _told_pause(response)
                wait = _pause(attempt) if told is None else told
            if attempt < _ATTEMPTS:
                time.sleep(min(wait, _LONGEST_WAIT_SECONDS))
        raise EmbeddingError(
            f"The server of {self._model} at {self._url} {trouble}, {_ATTEMPTS} times in a row.",
            hint="Check that it runs and can be reached, and run again.",
            retryable=True,
        )

    def _read(self, response: httpx2.Response) -> dict[str, Any]:
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise EmbeddingError(f"The server of {self._model} at {self._url} did not answer JSON.")
        return answer

    def _refused(self, response: httpx2.Response) -> EmbeddingError:
        hints = {
            401: "Check the API key.",
            403: "Check that the API key may use this model.",
            404: "Check the model's name and the base URL; Ollama must have pulled the model.",
        }
        return EmbeddingError(
            f"The server of {self._model} at {self._url} refused with {response.status_code}: "
            f"{_reason(response)}",
            hint=hints.get(response.status_code, ""),
        )


def _reason(response: httpx2.Response) -> str:
    """The server's own words; it does not repeat the key it was sent."""
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return response.reason_phrase
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return str(message or response.reason_phrase)[:300]


def _pause(attempt: int) -> float:
    """Seconds before the next attempt: doubling, with jitter."""
    return float(2 ** (attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311


def _told_pause(response: httpx2.Response) -> float | None:
    """Seconds the server asks to wait, as a number or a date (RFC 9110, 10.2.3)."""
    told = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == _TEXTS_AT_ONCE or size + len(text) > _CHARACTERS_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch
