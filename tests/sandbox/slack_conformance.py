"""Slack's word on its answers, in a form to hold the sandbox against.

Three witnesses: the OpenAPI document of 2021 (types, required fields, enums), answers recorded in
2026 (what is always sent), and masked shapes collected by Slack's own SDK tests (every field ever
seen). How strict to be with each is said in ``../shared/specs/README.md``.
"""

import copy
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft4Validator
from slack_sdk.models.blocks import Block

Json = Any
Classify = Callable[[str, dict[str, Json]], str]

# Maps whose keys are data, not field names.
_FREE_KEYS = (".emoji", ".shares.public", ".shares.private", ".metadata.event_payload")

# Blocks are masked beyond use and are held against slack_sdk's models instead (block_violations).
_OPAQUE = (".blocks",)

# Present only where something happened to the object.
_INCIDENTAL = frozenset({"reactions", "edited", "pinned_to"})
_BOOLEAN, _NULL = "boolean", "null"


# --- recordings ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """One recorded call."""

    method: str
    request: Json
    headers: dict[str, str]
    response: Json


@cache
def recorded_2026(specs: Path) -> list[Recorded]:
    """Calls of March 2026; their headers are mostly a proxy's."""
    with gzip.open(specs / "nango-recorded" / "slack.ndjson.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Recorded(row["path"].strip("/"), row["request"], row["headers"], row["response"])
        for row in rows
    ]


@cache
def recorded_cassettes(specs: Path) -> list[Recorded]:
    """Calls of 2018 to 2021 with Slack's own headers."""
    calls = []
    for path in sorted((specs / "slack-ruby-client-vcr").glob("*.yml")):
        for interaction in yaml.safe_load(path.read_text(encoding="utf-8"))["http_interactions"]:
            response = interaction["response"]
            headers = {name.lower(): values[0] for name, values in response["headers"].items()}
            method = interaction["request"]["uri"].rpartition("/")[2]
            calls.append(Recorded(method, None, headers, json.loads(response["body"]["string"])))
    return calls


def masked_shape(specs: Path, method: str) -> Json | None:
    """Every field an answer of a method has carried, with masked values."""
    folder = specs / "java-slack-sdk-json-logs" / "api"
    plain, packed = folder / f"{method}.json", folder / f"{method}.json.gz"
    if plain.is_file():
        return json.loads(plain.read_text(encoding="utf-8"))
    return json.loads(gzip.decompress(packed.read_bytes())) if packed.is_file() else None


# --- the OpenAPI document -----------------------------------------------------------------------


@cache
def openapi(specs: Path) -> Json:
    """Slack's Web API as of September 2021, relaxed where recordings disagree with it."""
    document = json.loads(gzip.decompress((specs / "slack_web_openapi_v2.json.gz").read_bytes()))
    return _relaxed(document)


def _relaxed(node: Json) -> Json:
    """Read the document the way it is meant, and no stricter than the service.

    * A list of schemas under ``items`` without ``type: array`` means "one of these".
    * Unknown fields are allowed, empty lists too; uniqueness is not checked (it is quadratic).
    * A profile without ``fields`` is allowed: recorded profiles of apps have none.
    """
    if isinstance(node, list):
        return [_relaxed(item) for item in node]
    if not isinstance(node, dict):
        return node
    relaxed = {
        key: _relaxed(value)
        for key, value in node.items()
        if key not in ("additionalProperties", "minItems", "uniqueItems") or isinstance(value, dict)
    }
    if isinstance(relaxed.get("items"), list):
        alternatives = relaxed.pop("items")
        if relaxed.get("type") == "array":
            relaxed["items"] = {"anyOf": alternatives}
        else:
            relaxed["anyOf"] = alternatives
    if relaxed.get("title") == "User profile object":
        relaxed["required"] = [name for name in relaxed["required"] if name != "fields"]
    return relaxed


def schema_violations(specs: Path, method: str, answer: Json) -> list[str]:
    """Where an answer breaks the document's schema for a success or an error."""
    document = openapi(specs)
    operation = next(iter(document["paths"][f"/{method}"].values()))
    schema = operation["responses"]["200" if answer.get("ok") else "default"]["schema"]
    validator = Draft4Validator({**schema, "definitions": document["definitions"]})
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:160]}"
        for error in validator.iter_errors(answer)
    ]


def documented_errors(specs: Path, method: str) -> set[str]:
    """The error codes the document lists for a method."""
    operation = next(iter(openapi(specs)["paths"][f"/{method}"].values()))
    return set(operation["responses"]["default"]["schema"]["properties"]["error"].get("enum", ()))


# --- shapes -------------------------------------------------------------------------------------


@dataclass
class Shape:
    """The types seen at a place, and what is below it."""

    types: set[str] = field(default_factory=set)
    keys: dict[str, "Shape"] = field(default_factory=dict)
    items: "Shape | None" = None

    def learn(self, value: Json) -> None:
        """Add what one example shows."""
        self.types.add(_type(value))
        if isinstance(value, dict):
            for key, item in value.items():
                self.keys.setdefault(key, Shape()).learn(item)
        elif isinstance(value, list):
            self.items = self.items or Shape()
            for item in value:
                self.items.learn(item)

    def learn_schema(self, schema: Json, definitions: Json, depth: int = 0) -> None:
        """Add what the OpenAPI document allows."""
        if depth > 12:
            return
        while "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
        for alternative in schema.get("anyOf", ()):
            self.learn_schema(alternative, definitions, depth + 1)
        named = schema.get("type", [])
        self.types.update([named] if isinstance(named, str) else named)
        for key, item in schema.get("properties", {}).items():
            self.keys.setdefault(key, Shape()).learn_schema(item, definitions, depth + 1)
        if isinstance(schema.get("items"), dict):
            self.items = self.items or Shape()
            self.items.learn_schema(schema["items"], definitions, depth + 1)

    def differences(self, value: Json, path: str = "") -> Iterator[str]:
        """Fields this shape does not know and types it has not seen."""
        if path.endswith(_OPAQUE):
            return
        kind = _type(value)
        allowed = self.types | ({"integer"} if "number" in self.types else set())
        if allowed and kind not in allowed:
            yield f"{path}: {kind} where {sorted(allowed)} is known"
        if isinstance(value, dict):
            for key, item in value.items():
                if path.endswith(_FREE_KEYS):
                    continue
                if key not in self.keys:
                    yield f"{path}.{key}: no such field is known"
                else:
                    yield from self.keys[key].differences(item, f"{path}.{key}")
        elif isinstance(value, list) and self.items is not None:
            for item in value:
                yield from self.items.differences(item, f"{path}[]")


def _type(value: Json) -> str:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return _BOOLEAN
    names = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def known_shape(specs: Path, *methods: str) -> Shape:
    """Everything the witnesses know of the answers of some methods, taken together.

    Several methods where their objects are the same: messages of ``conversations.replies`` were
    recorded with fewer fields than those of ``conversations.history``.
    """
    shape = Shape()
    document = openapi(specs)
    for method in methods:
        masked = masked_shape(specs, method)
        if masked is not None:
            shape.learn(masked)
        for call in (*recorded_2026(specs), *recorded_cassettes(specs)):
            if call.method == method:
                shape.learn(call.response)
        operation = next(iter(document["paths"][f"/{method}"].values()))
        shape.learn_schema(operation["responses"]["200"]["schema"], document["definitions"])
    return shape


def message_answer_shape(specs: Path) -> Shape:
    """Answers of history and replies, where the ``root`` of a broadcast is itself a message."""
    shape = known_shape(specs, "conversations.history", "conversations.replies")
    message = _message_shape(shape)
    message.keys["root"] = message
    return shape


def pins_answer_shape(specs: Path) -> Shape:
    """Answers of ``pins.list``: its messages are those of history with a permalink."""
    shape = known_shape(specs, "pins.list")
    items = shape.keys["items"].items
    assert items is not None
    pinned, message = items.keys["message"], _message_shape(message_answer_shape(specs))
    pinned.keys = {**message.keys, **pinned.keys}
    return shape


def _message_shape(shape: Shape) -> Shape:
    message = shape.keys["messages"].items
    assert message is not None
    return message


def block_violations(block: dict[str, Json]) -> list[str]:
    """What slack_sdk's typed models do not accept in a block.

    They raise for what is missing and drop what they do not know, so a block that comes back as
    it went in is one they know whole.
    """
    try:
        parsed = Block.parse(copy.deepcopy(block))
    except (TypeError, ValueError, AttributeError) as error:
        return [f"{block.get('type')}: {error}"]
    if parsed is None:
        return [f"{block.get('type')}: no such block"]
    returned = json.loads(json.dumps(parsed.to_dict()))
    return [] if returned == block else [f"{block.get('type')}: became {returned}"]


# --- what is always sent ------------------------------------------------------------------------


def object_class(path: str, value: dict[str, Json]) -> str:
    """Tell apart objects at one place that Slack sends with different fields."""
    if path.endswith("messages[]"):
        parts = [value.get("subtype", "plain"), "bot" if "bot_id" in value else "person"]
        parts.append("text" if value.get("text") else "no text")
        if value.get("thread_ts") == value.get("ts"):
            parts.append("root")
        elif "thread_ts" in value:
            parts.append("reply")
        return " ".join(parts)
    if path.endswith(("channels[]", "channel")):
        kind = "im" if value.get("is_im") else "mpim" if value.get("is_mpim") else "channel"
        return f"{kind}, member" if value.get("is_member") else kind
    if path.endswith(("members[]", "user")):
        kind = "slackbot" if value.get("id") == "USLACKBOT" else f"bot={value.get('is_bot')}"
        return f"{kind}, deleted" if value.get("deleted") else kind
    if path.endswith(("members[].profile", "user.profile")):
        if value.get("real_name") == "Slackbot":
            return "of Slackbot"
        return "of an app" if "bot_id" in value else "of a person"
    if path.endswith(("elements[]", "blocks[]")):
        return str(value.get("type"))
    return ""


def always_sent(answers: Iterable[Json]) -> dict[tuple[str, str], set[str]]:
    """For each place and class of object: the keys every recorded one has."""
    common: dict[tuple[str, str], set[str]] = {}
    for answer in answers:
        for path, value in _objects(answer, ""):
            key = (path, object_class(path, value))
            keys = set(value) - _INCIDENTAL
            common[key] = common[key] & keys if key in common else keys
    return common


def lacking(answer: Json, common: dict[tuple[str, str], set[str]]) -> set[str]:
    """What recordings always carry and an answer does not."""
    return {
        f"{path} ({kind}): {missing}"
        for path, value in _objects(answer, "")
        if (kind := object_class(path, value)) is not None
        and (missing := sorted(common.get((path, kind), set()) - set(value)))
    }


def _objects(value: Json, path: str) -> Iterator[tuple[str, dict[str, Json]]]:
    if isinstance(value, dict):
        if not path.endswith(_FREE_KEYS):
            yield path, value
        for key, item in value.items():
            yield from _objects(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item, f"{path}[]")
