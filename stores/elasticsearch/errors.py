"""What Elasticsearch and its client say when something is wrong, as one sentence with what to do.

The forms of the answers are those of 8.19 and 9.5 servers (see `tests/stores/elasticsearch`).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from elastic_transport import ConnectionError as UnreachableError
from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, UnsupportedProductError

from stores.errors import (
    StoreAccessError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)

_REASON_CHARACTERS: Final = 400
_BUSY: Final = frozenset({429, 502, 503, 504})
_ACTION: Final = re.compile(r"action \[([^\]]+)\] is unauthorized")
_ON_INDICES: Final = re.compile(r"on indices \[([^\]]+)\]")
_GRANTED_BY: Final = re.compile(r"granted by the (\w+) privileges \[([^,\]]+)")

_FLOOD_STAGE: Final = "flood-stage"
_WRITE_BLOCK: Final = "index write (api)"


def translated(error: TransportError | ApiError, server: str) -> StoreError:
    """The error of a request as a store's error.

    Args:
        error: What the client raised.
        server: How to call the server.
    """
    if isinstance(error, UnsupportedProductError):
        return StoreError(
            f"What answers at {server} is not Elasticsearch.",
            hint="Check the address: it may be a proxy, another program, or OpenSearch.",
        )
    if isinstance(error, ApiError):
        return of_answer(error.status_code, _error_of(error.body), server)
    if isinstance(error, TlsError):
        return StoreError(
            f"The certificate of Elasticsearch at {server} is not trusted: {_plain(error)}.",
            hint="Name its certificate authority (elasticsearch_ca_certs, or ca_certs in the URL); "
            "for a server without TLS write http://.",
        )
    if isinstance(error, ConnectionTimeout):
        return StoreUnavailableError(
            f"Elasticsearch at {server} does not answer in time.",
            hint="Look at its load; the run goes on from its last commit when it is run again.",
        )
    if isinstance(error, UnreachableError):
        return StoreUnavailableError(
            f"Elasticsearch at {server} cannot be reached: {_plain(error)}.",
            hint="Check the address, and that the server runs.",
        )
    return StoreError(f"Elasticsearch at {server} gave an answer that makes no sense: {error}.")


def of_answer(status: int, error: Mapping[str, Any], server: str) -> StoreError:
    """An answer that is an error, of a request or of one item of a bulk request."""
    kind, reason = str(error.get("type") or ""), reason_of(error)
    if kind == "cluster_block_exception":
        return _blocked(error, reason)
    if status == 401:
        return StoreAccessError(
            f"Elasticsearch at {server} does not accept the credential.",
            hint="Check user and password, or the API key (elasticsearch_api_key): it may be wrong "
            "or expired.",
        )
    if status == 403:
        return _forbidden(reason, server)
    if status in _BUSY:
        return StoreUnavailableError(
            f"Elasticsearch at {server} is overloaded or starting ({status}: {reason}).",
            hint="Wait a little and run again; if it stays so it needs more memory or nodes.",
        )
    sentence, hint = f"Elasticsearch at {server} answers {status}: {reason}.", ""
    if status == 413:
        sentence = f"Elasticsearch at {server} refuses a request as too large."
        hint = "Raise http.max_content_length, or the limit of the proxy before it."
    elif kind == "index_not_found_exception":
        sentence = f"The index {error.get('index') or ''} is not there: somebody deleted it."
        hint = "Restore it from a snapshot, or sync again from the beginning (--rescan)."
    elif status == 404 and not kind:
        sentence = f"What answers at {server} is not Elasticsearch (404)."
        hint = "Check the address."
    return StoreError(sentence, hint=hint)


def reason_of(error: Mapping[str, Any]) -> str:
    """What the server says of an error and its causes, in one line."""
    told: list[str] = []
    cause: Any = error
    while isinstance(cause, Mapping) and len(told) < 3:
        reason = " ".join(str(cause.get("reason") or "").split())
        if reason and not any(reason in earlier for earlier in told):
            told.append(reason)
        cause = cause.get("caused_by")
    text = "; ".join(told) or str(error.get("type") or "no reason given")
    text = text.rstrip(".")
    return text if len(text) <= _REASON_CHARACTERS else f"{text[:_REASON_CHARACTERS]}…"


def is_write_block(error: Mapping[str, Any]) -> bool:
    """Whether an index takes no writes because a reindex is about to replace it."""
    return error.get("type") == "cluster_block_exception" and _WRITE_BLOCK in str(
        error.get("reason")
    )


def _blocked(error: Mapping[str, Any], reason: str) -> StoreError:
    index = _index_of(error, reason)
    if _FLOOD_STAGE in reason:
        return StoreFullError(
            f"The disk of Elasticsearch is nearly full, so it made the index {index} read-only "
            "(flood-stage watermark).",
            hint="Free disk space or add a node; the block goes away by itself then.",
        )
    if is_write_block(error):
        return StoreReadOnlyError(
            f"The index {index} takes no writes: a reindex is replacing it, or was stopped half "
            "way.",
            hint="Wait for it to end, or run `data-getters reindex` again.",
        )
    return StoreReadOnlyError(
        f"The index {index} is read-only: {reason}.",
        hint="Take its block away (index.blocks.*), or write elsewhere.",
    )


def _forbidden(reason: str, server: str) -> StoreError:
    if "license" in reason:
        return StoreError(
            f"The licence of Elasticsearch at {server} does not cover this: {reason}."
        )
    action = _ACTION.search(reason)
    if action is None:
        return StoreAccessError(
            f"Elasticsearch at {server} does not allow this: {reason}.",
            hint="Give the role the privileges of docs/elasticsearch.md.",
        )
    indices, needed = _ON_INDICES.search(reason), _GRANTED_BY.search(reason)
    where = f" on {indices[1]}" if indices else ""
    lacking = f" (it lacks the {needed[1]} privilege {needed[2]})" if needed else ""
    return StoreAccessError(
        f"Elasticsearch at {server} does not allow its user {action[1]}{where}{lacking}.",
        hint="Give the role the privileges of docs/elasticsearch.md.",
    )


def _error_of(body: object) -> Mapping[str, Any]:
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, Mapping):
        return error
    text = str(error or "") if isinstance(body, Mapping) else ""
    return {"reason": text} if text else {}


def _index_of(error: Mapping[str, Any], reason: str) -> str:
    found = re.search(r"index \[([^\]]+)\]", reason)
    return found[1] if found else str(error.get("index") or "")


def _plain(error: TransportError) -> str:
    """The heart of a connection error, without the client's wrapping."""
    text = re.sub(r"<[^>]*>:?\s*", "", str(error.message))
    match = re.search(r"\[Errno -?\d+\] ([^'\")\]]+)|CERTIFICATE_VERIFY_FAILED\] ([^(]+)", text)
    if match:
        text = match[1] or match[2]
    return text.strip().rstrip(".") or type(error).__name__
