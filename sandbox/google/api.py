"""The front door of Google's APIs: who asks, may they, what do they ask, and how is it answered.

A request is looked up by verb and path, so that those inside a batch go the same way as those that
come alone.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson

from sandbox.google.errors import (
    GoogleError,
    insufficient_scope,
    invalid_argument,
    unauthenticated,
)
from sandbox.google.fields import Schemas, apply_mask, check_mask, parse_mask
from sandbox.google.oauth import Grant, OAuthServer
from sandbox.google.parameters import Parameter, Value, read_parameters

JSON_TYPE = "application/json; charset=UTF-8"

STANDING_HEADERS = {
    "Server": "ESF",
    "Cache-Control": "private",
    "Vary": "Origin, X-Origin, Referer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "X-XSS-Protection": "0",
}

NOT_FOUND_PAGE = (
    b"<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n"
    b"<title>Error 404 (Not Found)!!1</title>\n<p><b>404.</b> <ins>That's an error.</ins>\n"
    b"<p>The requested URL was not found on this server.\n"
)


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as it came, alone or inside a batch.

    Attributes:
        http_method: ``GET`` ...
        path: Without the query, still percent-encoded.
        query: Names and values in order, decoded.
        headers: By name in lower case.
        body: As sent.
    """

    http_method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def standard(self, name: str) -> str:
        """The last value of a standard parameter (``fields``, ``prettyPrint``), or empty."""
        return next((value for key, value in reversed(self.query) if key == name), "")


@dataclass(slots=True)
class ApiAnswer:
    """What goes back.

    Attributes:
        status: HTTP status.
        body: Bytes of the body.
        headers: With Content-Type.
        error: Google's ``reason``, or empty.
    """

    status: int
    body: bytes
    headers: dict[str, str]
    error: str = ""


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A call that may go ahead.

    Attributes:
        grant: Who asks.
        path: Values of the path's variables.
        values: Values of the query's parameters that were given.
    """

    grant: Grant
    path: Mapping[str, str]
    values: Mapping[str, Value]

    def text(self, name: str, default: str = "") -> str:
        """A parameter that is text."""
        value = self.values.get(name, default)
        return value if isinstance(value, str) else default

    def number(self, name: str, default: int) -> int:
        """A parameter that is a number."""
        value = self.values.get(name, default)
        return value if isinstance(value, int) else default

    def flag(self, name: str) -> bool:
        """A parameter that is true or false; false when not given."""
        return self.values.get(name) is True

    def texts(self, name: str) -> tuple[str, ...]:
        """A parameter that may be repeated."""
        value = self.values.get(name, ())
        return value if isinstance(value, tuple) else ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of an API.

    Attributes:
        name: Under which it is logged and faults find it (``messages.list``).
        path: With variables in braces.
        handler: Makes up the answer; raises ``GoogleError`` to refuse.
        scopes: A token needs one of these.
        answer: Name of the answer's type, for ``fields``.
        parameters: What the query may hold.
        cost: Quota units of a call.
        service: Host of the service, as errors name it.
    """

    name: str
    path: str
    handler: Callable[[ApiCall], Any]
    scopes: frozenset[str]
    answer: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    cost: int = 1
    service: str = "gmail.googleapis.com"

    def pattern(self) -> re.Pattern[str]:
        """Matches a path that is this operation's."""
        parts = re.split(r"\{(\w+)\}", self.path)
        literal, names = parts[::2], parts[1::2]
        expression = re.escape(literal[0])
        for name, text in zip(names, literal[1:], strict=True):
            expression += f"(?P<{name}>[^/]+){re.escape(text)}"
        return re.compile(expression)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request leads.

    Attributes:
        operation: None where there is no such path.
        variables: The path's variables, decoded.
        request: The request.
    """

    operation: Operation | None
    variables: Mapping[str, str]
    request: ApiRequest

    @property
    def name(self) -> str:
        """The operation's name, or the path."""
        return self.request.path if self.operation is None else self.operation.name

    def parameters(self) -> dict[str, str]:
        """Path and query as text, without credentials; repeated parameters joined by commas."""
        found: dict[str, str] = dict(self.variables)
        for name, value in self.request.query:
            if name not in ("access_token", "oauth_token", "key"):
                found[name] = f"{found[name]},{value}" if name in found else value
        return found


class GoogleApi:
    """Answers the operations of one or several services.

    Args:
        operations: What there is.
        oauth: Knows the access tokens.
        schemas: Types of the answers, for ``fields``.
        charge: Called with the grant and the units of a call before it is answered; raises
            ``GoogleError`` when the quota is used up.
    """

    def __init__(
        self,
        operations: Iterable[Operation],
        oauth: OAuthServer,
        schemas: Schemas,
        charge: Callable[[Grant, Operation], None],
    ) -> None:
        self._operations = [(operation.pattern(), operation) for operation in operations]
        self._oauth = oauth
        self._schemas = schemas
        self._charge = charge

    def route(self, request: ApiRequest) -> Route:
        """Find the operation of a request."""
        if request.http_method == "GET":
            for pattern, operation in self._operations:
                match = pattern.fullmatch(request.path)
                if match is not None:
                    variables = {name: unquote(value) for name, value in match.groupdict().items()}
                    return Route(operation, variables, request)
        return Route(None, {}, request)

    def answer(self, route: Route) -> ApiAnswer:
        """Answer a request."""
        headers = {**STANDING_HEADERS, "Content-Type": JSON_TYPE}
        if route.operation is None:
            headers["Content-Type"] = "text/html; charset=UTF-8"
            return ApiAnswer(404, NOT_FOUND_PAGE, headers, "notFound")
        try:
            payload = self._answer(route.operation, route)
        except GoogleError as error:
            return ApiAnswer(error.code, error.body(), {**headers, **error.headers}, error.reason)
        pretty = route.request.standard("prettyPrint").lower() not in ("false", "0")
        option = orjson.OPT_INDENT_2 if pretty else 0
        return ApiAnswer(200, orjson.dumps(payload, option=option) + b"\n", headers)

    def grant_of(self, request: ApiRequest) -> Grant | None:
        """Who sends a request, or None for nobody we know."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            token = request.standard("access_token") or request.standard("oauth_token")
        return self._oauth.grant_of(token.strip()) if token else None

    def _answer(self, operation: Operation, route: Route) -> Any:
        request = route.request
        grant = self.grant_of(request)
        if grant is None:
            raise unauthenticated()
        if not operation.scopes & grant.scopes:
            raise insufficient_scope(operation.service)
        if request.standard("alt") not in ("", "json"):
            raise invalid_argument(f"Unsupported Output Format: {request.standard('alt')}")
        values = read_parameters(request.query, operation.parameters)
        fields = request.standard("fields")
        mask = None
        if fields:
            mask = parse_mask(fields)
            check_mask(mask, self._schemas, operation.answer)
        self._charge(grant, operation)
        payload = operation.handler(ApiCall(grant, route.variables, values))
        return payload if mask is None else apply_mask(mask, payload)
