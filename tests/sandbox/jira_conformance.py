"""Jira's word on its answers, in a form to hold the sandbox against.

Three witnesses: Atlassian's OpenAPI document (required fields, types, enums), the JSON schema of
its document format, and recorded answers (what is always sent, and of which type). How strict to be
with the document is said in ``../shared/specs/README.md``: unknown fields are allowed, and the
``from`` and ``to`` of a change may be null.
"""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator, Draft7Validator

Json = Any

# Always there in the recordings, and yet not in every answer: an address where its owner shows it,
# figures where time was logged, roles by their names, texts in some nodes of a document; and what
# only team-managed projects have, which is what was recorded (entityId, scope).
_BY_CHANCE = re.compile(
    r"\.(emailAddress|percent|timetracking\.\w+|roles\..+|content\[\]\..*|worklogs\[\]\.comment"
    r"|entityId|uuid|scope)\Z"
)
_NULLABLE = frozenset({"from", "fromString", "to", "toString"})


@cache
def openapi(specs: Path, name: str) -> Json:
    """One of the OpenAPI documents, relaxed where recordings disagree with it."""
    return _relaxed(json.loads(gzip.decompress((specs / name).read_bytes())))


def _relaxed(node: Json) -> Json:
    if isinstance(node, list):
        return [_relaxed(item) for item in node]
    if not isinstance(node, dict):
        return node
    relaxed = {
        key: _relaxed(value)
        for key, value in node.items()
        if key != "additionalProperties" or isinstance(value, dict)
    }
    properties = relaxed.get("properties")
    if isinstance(properties, dict):
        for name in _NULLABLE & set(properties):
            properties[name] = {"anyOf": [properties[name], {"type": "null"}]}
    return relaxed


def operation_of(document: Json, verb: str, path: str) -> Json | None:
    """What the document says of a path such as ``/rest/api/3/issue/{issue}``."""
    wanted = re.sub(r"\{\w+\}", "{}", path)
    for known, operations in document["paths"].items():
        if re.sub(r"\{\w+\}", "{}", known) == wanted and verb.lower() in operations:
            return operations[verb.lower()]
    return None


def schema_of(document: Json, verb: str, path: str) -> Json | None:
    """The schema of a 200 answer."""
    operation = operation_of(document, verb, path)
    if operation is None:
        return None
    content = operation["responses"]["200"].get("content", {})
    return next((media.get("schema") for media in content.values()), None)


def scopes_of(document: Json, verb: str, path: str) -> set[str] | None:
    """The classic OAuth scopes of an operation."""
    operation = operation_of(document, verb, path)
    if operation is None:
        return None
    return {scope for way in operation.get("security", ()) for scope in way.get("OAuth2", ())}


def schema_violations(document: Json, schema: Json, answer: Json) -> list[str]:
    """Where an answer breaks a schema."""
    validator = Draft7Validator({**schema, "components": document["components"]})
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:160]}"
        for error in validator.iter_errors(answer)
    ]


@cache
def adf_validator(specs: Path) -> Draft4Validator:
    """A validator of documents in Atlassian's format."""
    schema = json.loads((specs / "adf.schema.json").read_text(encoding="utf-8"))
    schema["definitions"] |= _LOST_DEFINITIONS
    return Draft4Validator(schema)


def _node(kind: str, *children: str, **attrs: Json) -> Json:
    """A definition of a node with some of these children."""
    items = {"anyOf": [{"$ref": f"#/definitions/{child}"} for child in children]}
    return {
        "type": "object",
        "properties": {
            "type": {"enum": [kind]},
            "content": {"type": "array", "items": items, "minItems": 1},
            "attrs": {"type": "object", "properties": attrs, "additionalProperties": False},
        },
        "required": ["type", "content"],
        "additionalProperties": False,
    }


# The stored schema refers to these and does not have them: lists may be in lists, and its maker
# left out what refers to itself. Written after the vendor's description of the nodes.
_LOST_DEFINITIONS = {
    "bulletList_node": _node("bulletList", "listItem_node"),
    "orderedList_node": _node("orderedList", "listItem_node", order={"type": "number"}),
    "listItem_node": _node(
        "listItem",
        "paragraph_with_no_marks_node",
        "bulletList_node",
        "orderedList_node",
        "mediaSingle_full_node",
        "codeBlock_with_no_marks_node",
    ),
    "taskList_node": _node(
        "taskList", "taskItem_node", "taskList_node", localId={"type": "string"}
    ),
    "mediaSingle_caption_node": {
        "allOf": [
            {"$ref": "#/definitions/mediaSingle_node"},
            {
                "properties": {
                    "content": {
                        "items": [
                            {"$ref": "#/definitions/media_node"},
                            {"$ref": "#/definitions/caption_node"},
                        ],
                        "additionalItems": False,
                        "minItems": 1,
                    }
                },
                "required": ["content"],
            },
        ]
    },
}


# --- recordings -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """One recorded call; the path begins behind ``/rest/``."""

    verb: str
    path: str
    answer: Json


@cache
def recorded_cloud(specs: Path) -> list[Recorded]:
    """Successful calls of 2026."""
    with gzip.open(specs / "nango-recorded" / "jira.ndjson.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Recorded(row["method"], row["path"].partition("/rest/")[2], row["response"])
        for row in rows
        if "/rest/" in row["path"]
    ]


def accessible_resources(specs: Path) -> Json:
    """The recorded list of the sites an OAuth token is good for."""
    with gzip.open(specs / "nango-recorded" / "jira.ndjson.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return next(row["response"] for row in rows if row["path"].endswith("accessible-resources"))


def recording(specs: Path, name: str) -> Json:
    """A recorded answer in a file of its own."""
    path = specs / name
    data = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    return json.loads(data)


@dataclass
class Seen:
    """What recordings show at a place: types, and which keys were there each time."""

    count: int = 0
    types: set[str] = field(default_factory=set)
    keys: dict[str, "Seen"] = field(default_factory=dict)
    items: "Seen | None" = None

    def learn(self, value: Json) -> "Seen":
        """Add one example."""
        self.count += 1
        self.types.add(_type(value))
        if isinstance(value, dict):
            for key, item in value.items():
                self.keys.setdefault(key, Seen()).learn(item)
        elif isinstance(value, list):
            self.items = self.items or Seen()
            for item in value:
                self.items.learn(item)
        return self

    def differences(self, value: Json, path: str = "", *, whole: bool = True) -> Iterator[str]:
        """Keys that were always there and are not here, and values of another type.

        With ``whole`` off only types are compared: one example does not show what is always sent.
        Null is let pass on either side: whether an issue has an assignee is its own affair.
        """
        kind, known = _type(value), self.types - {"null"}
        if kind == "null" or not known:
            return
        if kind not in known and not (kind == "integer" and "number" in known):
            yield f"{path}: {kind} where {sorted(known)} was recorded"
        if isinstance(value, dict) and "object" in known:
            objects = max((seen.count for seen in self.keys.values()), default=0)
            for key, seen in self.keys.items():
                if key in value:
                    yield from seen.differences(value[key], f"{path}.{key}", whole=whole)
                elif whole and seen.count == objects and not _by_chance(f"{path}.{key}"):
                    yield f"{path}.{key}: always recorded, missing here"
        elif isinstance(value, list) and self.items is not None:
            for item in value:
                yield from self.items.differences(item, f"{path}[]", whole=whole)


def _by_chance(path: str) -> bool:
    return ".customfield_" in path or _BY_CHANCE.search(path) is not None


def _type(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def node_types(schema: Json) -> set[str]:
    """The types of nodes and marks that the document format knows."""
    return {
        name
        for definition in schema["definitions"].values()
        for name in definition.get("properties", {}).get("type", {}).get("enum", ())
    }


def types_in(node: Json) -> Iterator[str]:
    """The types of nodes and marks in a document."""
    yield node["type"]
    for child in (*node.get("content", ()), *node.get("marks", ())):
        yield from types_in(child)
