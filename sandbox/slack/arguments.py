"""The arguments of a Web API call, read the way Slack reads them.

GET takes the query; POST a form, multipart or a JSON object. The answers to malformed requests
(``invalid_form_data``, ``missing_charset`` ...) are the common errors every method's page lists.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from sandbox.slack.errors import SlackError, missing_field
from sandbox.slack.timestamps import parse_ts

_ARGUMENT_NAME = re.compile(r"\w{1,100}\Z", re.ASCII)
_TRUE = frozenset({"1", "true", "True", "t", "yes"})
_CHARSETS = frozenset({"utf-8", "utf8", "iso-8859-1"})
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


@dataclass(slots=True)
class Arguments:
    """Arguments as text, plus what Slack has to remark about the request.

    Attributes:
        values: By name, without the token.
        token: From the Authorization header or the ``token`` argument.
        warnings: Codes for ``warning`` and ``response_metadata.warnings``.
        problem: Why the request cannot be read at all; answered after authentication.
    """

    values: dict[str, str] = field(default_factory=dict)
    token: str = ""
    warnings: list[str] = field(default_factory=list)
    problem: SlackError | None = None

    def text(self, name: str, default: str = "") -> str:
        """An argument, or the default where it is missing or empty."""
        return self.values.get(name) or default

    def required(self, name: str) -> str:
        """An argument that must be there.

        Raises:
            SlackError: ``invalid_arguments``.
        """
        value = self.values.get(name)
        if not value:
            raise missing_field(name)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean argument: ``1``, ``true`` ..."""
        value = self.values.get(name, "")
        return value in _TRUE if value else default

    def limit(self, *, default: int, maximum: int) -> int:
        """The page size: what was asked for, at most the maximum.

        Raises:
            SlackError: ``invalid_limit`` for anything but a number from 0 up; 0 means the default.
        """
        value = self.values.get("limit", "")
        if not value:
            return default
        if not value.isdecimal():
            raise SlackError("invalid_limit")
        return min(int(value) or default, maximum)

    def number(self, name: str, default: int) -> int:
        """A number from 1 up, or the default where it is none."""
        value = self.values.get(name, "")
        return int(value) if value.isdecimal() and int(value) else default

    def ts(self, name: str) -> str | None:
        """A moment (``oldest``, ``latest``) as a ``ts``, or None.

        Raises:
            SlackError: ``invalid_ts_oldest`` and the like.
        """
        value = self.values.get(name, "")
        if not value:
            return None
        parsed = parse_ts(value)
        if parsed is None:
            raise SlackError(f"invalid_ts_{name}")
        return parsed


async def read_arguments(request: web.Request) -> Arguments:
    """Read a request without ever failing; what is wrong with it is kept in ``problem``."""
    arguments = Arguments()
    _take(arguments, request.query.items())
    if request.method == "POST":
        try:
            await _read_body(request, arguments)
        except SlackError as problem:
            arguments.problem = problem
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credential:
        arguments.token = credential.strip()
    return arguments


async def _read_body(request: web.Request, arguments: Arguments) -> None:
    content_type = request.headers.get("Content-Type", "")
    kind = request.content_type
    if kind == _MULTIPART:
        form = await request.post()
        _take(arguments, [(name, str(value)) for name, value in form.items()])
        return
    body = await request.read()
    if not content_type:
        if body:
            raise SlackError("missing_post_type")
        return
    _check_charset(request, kind, arguments)
    if kind == _FORM:
        _take_form(arguments, body)
    elif kind == "application/json":
        _take_json(arguments, body)
    elif kind != "text/plain":
        raise SlackError("invalid_post_type")


def _check_charset(request: web.Request, kind: str, arguments: Arguments) -> None:
    charset = request.charset
    if charset is not None and charset.lower() not in _CHARSETS:
        raise SlackError("invalid_charset")
    if kind == _FORM and charset is not None:
        arguments.warnings.append("superfluous_charset")
    if kind != _FORM and charset is None:
        arguments.warnings.append("missing_charset")


def _take_form(arguments: Arguments, body: bytes) -> None:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body))
    except ValueError as error:
        raise SlackError("invalid_form_data") from error
    _take(arguments, pairs)


def _take_json(arguments: Arguments, body: bytes) -> None:
    try:
        data = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise SlackError("invalid_json") from error
    if not isinstance(data, dict):
        raise SlackError("json_not_object")
    # A token inside a JSON body is not looked at: it belongs into the header.
    data.pop("token", None)
    _take(arguments, [(name, _as_text(value)) for name, value in data.items() if value is not None])


def _take(arguments: Arguments, pairs: Any) -> None:
    for name, value in pairs:
        if name == "token":
            arguments.token = value
        elif name.endswith("[]"):
            arguments.problem = SlackError("invalid_array_arg")
        elif not _ARGUMENT_NAME.match(name):
            arguments.problem = SlackError("invalid_arg_name")
        else:
            arguments.values[name] = value


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return orjson.dumps(value).decode()
