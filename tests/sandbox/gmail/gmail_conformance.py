"""Google's word on Gmail's answers, in a form to hold the sandbox against.

Two witnesses: the discovery document (paths, parameters, scopes, schemas) and answers recorded in
2026. They agree with each other to the last field (``../shared/specs/README.md``), so nothing is
relaxed here: a field the document does not have is a mistake.
"""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

Json = Any

_PATTERNS = {
    "uint64": r"^\d{1,20}$",
    "int64": r"^-?\d{1,19}$",
    "byte": r"^[A-Za-z0-9_-]*={0,2}$",
}
_RANGES = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}


@dataclass(frozen=True)
class Recorded:
    """One recorded call that read something."""

    path: str
    parameters: dict[str, str]
    response: Json

    @property
    def operation(self) -> str:
        """Our name of the method, or empty for one the sandbox does not have."""
        parts = self.path.removeprefix("/gmail/v1/users/me/").split("/")
        if parts[0] == "history":
            return "history.list"
        if parts == ["settings", "sendAs"]:
            return "settings.sendAs.list"
        if parts[0] in ("messages", "threads", "labels"):
            return f"{parts[0]}.{'list' if len(parts) == 1 else 'get'}"
        return ""


@cache
def document(specs: Path) -> Json:
    """The discovery document of Gmail v1."""
    return json.loads((specs / "discovery" / "gmail.v1.json").read_text("utf-8"))


def methods(specs: Path) -> dict[str, Json]:
    """The document's methods by our names."""

    def walk(resource: Json) -> Iterator[tuple[str, Json]]:
        for method in resource.get("methods", {}).values():
            yield method["id"].removeprefix("gmail.users."), method
        for inner in resource.get("resources", {}).values():
            yield from walk(inner)

    return dict(walk(document(specs)))


@cache
def recorded(specs: Path) -> list[Recorded]:
    """The recorded calls that are GETs of methods the sandbox has."""
    path = specs / "nango-recorded" / "google-mail.ndjson.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    calls = [
        Recorded(row["path"], (row["request"] or {}).get("params", {}), row["response"])
        for row in rows
        if row["method"] == "GET"
    ]
    return [call for call in calls if call.operation]


@cache
def recorded_draft(specs: Path) -> Json:
    """The one recorded message in the full format: a draft's."""
    path = specs / "nango-recorded" / "google-mail.ndjson.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["method"] == "GET" and re.search(r"/drafts/[^/]+$", row["path"]):
                return row["response"]["message"]
    raise LookupError("no draft was recorded")


@cache
def _validator(specs: Path, type_name: str) -> Draft202012Validator:
    schemas = document(specs)["schemas"]
    definitions = {name: _schema(schema) for name, schema in schemas.items()}
    return Draft202012Validator({"$ref": f"#/$defs/{type_name}", "$defs": definitions})


def _schema(node: Json) -> Json:
    """A schema of the discovery dialect as JSON Schema."""
    if "$ref" in node:
        return {"$ref": f"#/$defs/{node['$ref']}"}
    made: Json = {"type": node["type"]}
    if node["type"] == "object":
        made["properties"] = {
            name: _schema(inner) for name, inner in node.get("properties", {}).items()
        }
        made["additionalProperties"] = False
    elif node["type"] == "array":
        made["items"] = _schema(node["items"])
    if "enum" in node:
        made["enum"] = node["enum"]
    if node.get("format") in _PATTERNS:
        made["pattern"] = _PATTERNS[node["format"]]
    if node.get("format") in _RANGES:
        made["minimum"], made["maximum"] = _RANGES[node["format"]]
    return made


def violations(specs: Path, operation: str, answer: Json) -> list[str]:
    """Where an answer breaks the document's schema of a method."""
    type_name = methods(specs)[operation]["response"]["$ref"]
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:160]}"
        for error in _validator(specs, type_name).iter_errors(answer)
    ]
