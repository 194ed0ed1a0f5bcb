"""Reads a vendor's own codes and words out of an error body, whoever made it.

Knows the forms of Google, Microsoft Graph, Meta, X, GitHub, Atlassian, Slack, OAuth, GraphQL and
the AT Protocol. Pure; what a code means is decided in `exporters.classify`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from exporters.redaction import redactor

_DETAIL_CHARS: Final = 200
_CODE: Final = re.compile(r"[\w./-]{1,80}")


def parse_body(body: str | bytes) -> Any:
    """The parsed JSON, or the text where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace") if isinstance(body, bytes) else body


def is_code(text: str) -> bool:
    """Whether a text looks like a code rather than like words."""
    return _CODE.fullmatch(text) is not None


def body_codes(body: Any, headers: Mapping[str, str]) -> list[str]:
    """The vendor's codes in an error body, the most telling first.

    Args:
        body: The parsed body.
        headers: With names in lower case; Jira puts its reason there.
    """
    found: list[Any] = []
    if isinstance(body, Mapping):
        error = body.get("error")
        found += entry_codes(error) if isinstance(error, Mapping) else [error]
        entries = body.get("errors")
        for entry in entries if isinstance(entries, list) else ():
            found += entry_codes(entry) if isinstance(entry, Mapping) else ()
        found += entry_codes({**body, "errors": None})
    found.append(headers.get("ratelimit-reason"))
    return _distinct(found)


def entry_codes(entry: Mapping[str, Any]) -> list[str]:
    """The codes of one error object, the most telling first."""
    found: list[Any] = []
    for name in ("errors", "details"):
        inner = entry.get(name)
        for one in inner if isinstance(inner, list) else ():
            found.append(one.get("reason") if isinstance(one, Mapping) else None)
    for name in ("extensions", "innerError", "innererror"):
        inner = entry.get(name)
        found.append(inner.get("code") if isinstance(inner, Mapping) else None)
    if "error_subcode" in entry:
        found.append(f"{entry.get('code')}/{entry['error_subcode']}")
    found += [entry.get(name) for name in ("reason", "code", "errorCode", "status")]
    # X names its problems by address: https://api.twitter.com/2/problems/resource-not-found
    kind = str(entry.get("type") or "").rpartition("/problems/")[2]
    found.append(kind if kind not in {"error", "about:blank"} else None)
    return _distinct(found)


def body_text(body: Any) -> str:
    """The vendor's own words of an error: short, on one line, without secrets; may be empty."""
    text = ""
    if isinstance(body, str):
        text = "" if body.lstrip().startswith("<") else body
    elif isinstance(body, Mapping):
        error = body.get("error")
        nested = error if isinstance(error, Mapping) else {}
        messages = body.get("errorMessages")
        candidates = (
            nested.get("message"),
            nested.get("detail"),
            body.get("error_description"),
            body.get("message"),
            body.get("detail"),
            messages[0] if isinstance(messages, list) and messages else None,
        )
        text = next((one for one in candidates if isinstance(one, str) and one), "")
    return redactor.text(" ".join(text.split()))[:_DETAIL_CHARS].rstrip(" .")


def batch_headers(headers: Any) -> Mapping[str, object]:
    """Headers of an inner answer: Meta sends a list of `{name, value}`, Graph an object."""
    if isinstance(headers, Mapping):
        return headers
    entries = headers if isinstance(headers, list) else ()
    return {
        str(one["name"]): one["value"]
        for one in entries
        if isinstance(one, Mapping) and "name" in one and "value" in one
    }


def _distinct(found: Sequence[Any]) -> list[str]:
    texts = [str(one) for one in found if isinstance(one, (str, int)) and not isinstance(one, bool)]
    return list(dict.fromkeys(text for text in texts if is_code(text)))
