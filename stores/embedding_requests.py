"""Asking an embedding model that is somewhere else, or belongs to another library.

Whatever the model, its texts go through here: in batches by count and by tokens, a few requests at
once, with what may pass asked for again and what is too long for the model split. The vector of a
split text is the mean of its parts', each weighted by its length, as OpenAI's cookbook has it
("Embedding texts that are longer than the model's maximum context length"). So no run fails because
a text is long.

Errors come as exceptions of many libraries and are read by what most of them carry: a status, the
headers of the answer, the name of the class, and the vendor's own words.
"""

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stores.errors import EmbeddingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ATTEMPTS: Final = 5
LONGEST_WAIT_SECONDS: Final = 60.0

_SHORTEST_PART: Final = 16
"""Characters of a text that is not split any more."""

_PASSING: Final = frozenset({408, 409, 425, 429})
_USED_UP: Final = re.compile(r"insufficient_quota|exceeded your current quota|billing", re.I)
_TOO_LONG: Final = re.compile(
    r"maximum context length|context[_ ]length|context window|too (long|many tokens|large)"
    r"|max(imum)?[ _](input|sequence|tokens|length|context)|token limit|input length exceeds",
    re.I,
)
_AWAY: Final = re.compile(
    r"Timeout|Connect|Protocol|Transport|Network|ReadError|Unavailable|Overloaded"
)
_HINTS: Final = {
    401: "Check the API key.",
    403: "Check that the API key may use this model.",
    404: "Check the model's name and the base URL; Ollama must have pulled the model.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """What a model takes.

    Attributes:
        texts: Most texts of a request.
        tokens: Most tokens of a request, by estimate.
        text_tokens: Most tokens of a text, by estimate; None where the model says so itself.
        concurrency: Requests at once.
    """

    texts: int = 256
    tokens: int = 100_000
    text_tokens: int | None = None
    concurrency: int = 1


class ServerRefusedError(Exception):
    """An answer that holds no vectors.

    Attributes:
        status: Of the answer; 0 where there was none.
        headers: Of the answer, names in lower case.
    """

    def __init__(self, message: str, status: int, headers: dict[str, str]) -> None:
        super().__init__(message)
        self.status_code = status
        self.headers = headers


def estimated_tokens(text: str) -> int:
    """How many tokens a text is for most models: one for four characters of English, else more.

    Within a tenth for English prose and half too few for code; never too few for Chinese.
    """
    if text.isascii():
        return -(-len(text) // 4)
    plain = sum(map(str.isascii, text))
    return -(-plain // 4) + len(text) - plain


class RequestedModel:
    """Vectors of texts from a function that may fail, be slow, and take only so much at once.

    Args:
        model: Named in errors.
        ask: Texts to rows, one for each.
        limits: What the model takes.
        where: Said in errors behind the model's name.
        clean: Takes secrets out of what a library says.

    Attributes:
        split: How many texts were longer than the model takes, and were split.
    """

    def __init__(
        self,
        model: str,
        ask: Callable[[list[str]], Any],
        limits: RequestLimits,
        *,
        where: str = "",
        clean: Callable[[str], str] = str,
    ) -> None:
        self._model = model
        self._ask = ask
        self._limits = limits
        self._where = where
        self._clean = clean
        self.split = 0

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        """The rows of texts, in order.

        Raises:
            EmbeddingError: The model refused, did not answer, or gave too few rows.
        """
        parts: list[str] = []
        places: list[range] = []
        for text in texts:
            pieces = self._pieces(text)
            places.append(range(len(parts), len(parts) + len(pieces)))
            parts += pieces
            self.split += len(pieces) > 1
        rows = self._in_batches(parts)
        return [
            rows[place[0]]
            if len(place) == 1
            else _mean([rows[i] for i in place], [len(parts[i]) for i in place])
            for place in places
        ]

    def _pieces(self, text: str) -> list[str]:
        most = self._limits.text_tokens
        return [text] if most is None else list(_split(text, most))

    def _in_batches(self, texts: Sequence[str]) -> list[Any]:
        batches = list(self._batches(texts))
        if len(batches) <= 1 or self._limits.concurrency == 1:
            return [row for batch in batches for row in self._batch(batch)]
        with ThreadPoolExecutor(self._limits.concurrency, "embedding") as pool:
            waiting = [pool.submit(self._batch, batch) for batch in batches]
            try:
                return [row for answer in waiting for row in answer.result()]
            except BaseException:
                for answer in waiting:  # a refusal is not paid for again with every batch
                    answer.cancel()
                raise

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        size = 0
        for text in texts:
            tokens = estimated_tokens(text)
            if batch and (len(batch) == self._limits.texts or size + tokens > self._limits.tokens):
                yield batch
                batch, size = [], 0
            batch.append(text)
            size += tokens
        if batch:
            yield batch

    def _batch(self, texts: list[str]) -> list[Any]:
        """The rows of one request; of two halves where it was too much, or a text too long."""
        try:
            rows = self._answered(texts)
        except _TooLongError as error:
            if len(texts) > 1:
                middle = len(texts) // 2
                return self._batch(texts[:middle]) + self._batch(texts[middle:])
            pieces = list(_split(texts[0], max(1, estimated_tokens(texts[0]) // 2)))
            if len(pieces) == 1:
                raise EmbeddingError(str(error)) from error.__cause__
            self.split += 1
            rows = [_mean([self._batch([p])[0] for p in pieces], [len(p) for p in pieces])]
        if len(rows) != len(texts):
            raise EmbeddingError(
                f"The model {self._model} gave {len(rows)} vectors for {len(texts)} texts."
            )
        return rows

    def _answered(self, texts: list[str]) -> list[Any]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return list(self._ask(texts))
            except EmbeddingError:
                raise
            except Exception as error:
                told = self._told(error)
                if told.too_long:
                    raise _TooLongError(told.sentence) from error
                if not told.passing:
                    raise EmbeddingError(told.sentence, hint=told.hint) from error
                if attempt == ATTEMPTS:
                    raise EmbeddingError(
                        f"{told.sentence}, {ATTEMPTS} times in a row.",
                        hint="Check that it runs and can be reached, and run again.",
                        retryable=True,
                    ) from error
                wait = _pause(attempt) if told.wait is None else told.wait
                time.sleep(min(wait, LONGEST_WAIT_SECONDS))
        raise AssertionError("the last attempt answers or raises")

    def _told(self, error: Exception) -> "_Trouble":
        """What an exception of any library means."""
        status = _status_of(error)
        words = self._clean(_words_of(error)).strip()[:300]
        asked = f"The server of {self._model}{self._where}"
        if not status:
            away = isinstance(error, ConnectionError | TimeoutError)
            if away or _AWAY.search(type(error).__name__):
                return _Trouble(f"{asked} does not answer ({type(error).__name__})", passing=True)
            return _Trouble(
                f"The model {self._model} failed: {type(error).__name__}: {words}",
                too_long=bool(_TOO_LONG.search(words)),
            )
        if (status == 429 and not _USED_UP.search(words)) or (
            status != 429 and (status in _PASSING or status >= 500)
        ):
            wait = told_pause(_headers_of(error).get("retry-after", ""))
            return _Trouble(f"{asked} answered {status}", passing=True, wait=wait)
        return _Trouble(
            f"{asked} refused with {status}: {words or 'without a reason'}",
            too_long=status == 413 or (status in (400, 422, 500) and bool(_TOO_LONG.search(words))),
            hint="Top up the account of the model's vendor."
            if status == 429
            else _HINTS.get(status, ""),
        )


@dataclass(frozen=True, slots=True)
class _Trouble:
    sentence: str
    passing: bool = False
    wait: float | None = None
    too_long: bool = False
    hint: str = ""


class _TooLongError(Exception):
    """A request holds more than the model takes."""


def told_pause(told: str) -> float | None:
    """Seconds a server asks to wait, a number or a date (RFC 9110, 10.2.3); None: it does not."""
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


def _pause(attempt: int) -> float:
    """Seconds before the next attempt: doubling, with jitter."""
    return float(2 ** (attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311


def _status_of(error: BaseException) -> int:
    response = getattr(error, "response", None)
    for holder, name in (
        (error, "status_code"),
        (error, "http_status"),
        (error, "code"),
        (response, "status_code"),
        (response, "status"),
    ):
        value = getattr(holder, name, None)
        if isinstance(value, int) and 100 <= value < 600:
            return int(value)
    return 0


def _words_of(error: BaseException) -> str:
    """What the vendor says; HTTP libraries leave the body of the answer out of their exceptions."""
    response = getattr(error, "response", None)
    body = getattr(response, "text", "")
    return f"{error} {body}" if isinstance(body, str) and body not in str(error) else str(error)


def _headers_of(error: BaseException) -> dict[str, str]:
    for holder in (error, getattr(error, "response", None)):
        headers = getattr(holder, "headers", None)
        if headers:
            return {str(name).lower(): str(value) for name, value in dict(headers).items()}
    return {}


def _split(text: str, tokens: int) -> Iterator[str]:
    """A text in parts of at most so many tokens, by estimate, of much the same length."""
    number = -(-estimated_tokens(text) // tokens)
    if number <= 1 or len(text) // number < _SHORTEST_PART:
        yield text
        return
    size = -(-len(text) // number)
    start = 0
    while start < len(text):
        end = min(len(text), start + size)
        # Not in the middle of a word, where there is a blank not far before.
        blank = text.rfind(" ", start + size // 2, end)
        if end < len(text) and blank > 0:
            end = blank
        yield text[start:end]
        start = end


def _mean(rows: Sequence[Any], lengths: Sequence[int]) -> "NDArray[np.float32]":
    """The mean of unit vectors, weighted, of length 1."""
    matrix = np.asarray(rows, dtype=np.float32)
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    np.divide(matrix, norms, out=matrix, where=norms > 0)
    mean = np.asarray(lengths, np.float32) @ matrix
    norm = float(np.linalg.norm(mean))
    return np.asarray(mean / norm if norm else mean, dtype=np.float32)
