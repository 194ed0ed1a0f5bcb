"""Endpoints under ``/_sandbox/`` that steer a sandbox running as a process of its own.

=============================================  ====================================================
``GET /_sandbox/health``                       ``{"ok": true}``
``GET /_sandbox/requests?operation=glob``      the request log
``DELETE /_sandbox/requests``                  forget it
``GET /_sandbox/counts``                       requests per operation
``GET``, ``POST``, ``DELETE /_sandbox/faults`` read, arm (one object or a list), disarm faults
``POST /_sandbox/after``                       ``{"operation", "count", "resource", "call",
                                               "arguments"}``: one control call between two requests
``POST /_sandbox/<resource>/<call>``           a function the vendor exposes, JSON keyword arguments
=============================================  ====================================================

Answers are ``{"ok": true, "result": ...}`` or, with HTTP 4xx, ``{"ok": false, "error": ...}``.
Requests here are neither logged nor subject to faults.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from sandbox.faults import Fault

if TYPE_CHECKING:
    from sandbox.server import SandboxServer

PREFIX = "/_sandbox/"


class ControlError(Exception):
    """A control request that cannot be carried out; the message goes to the caller."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def routes(server: "SandboxServer") -> Iterable[web.AbstractRouteDef]:
    """The control endpoints of a server."""
    endpoints = _Endpoints(server)
    return [
        web.get(PREFIX + "health", endpoints.health),
        web.get(PREFIX + "requests", endpoints.requests),
        web.delete(PREFIX + "requests", endpoints.clear_requests),
        web.get(PREFIX + "counts", endpoints.counts),
        web.get(PREFIX + "faults", endpoints.faults),
        web.post(PREFIX + "faults", endpoints.add_faults),
        web.delete(PREFIX + "faults", endpoints.clear_faults),
        web.post(PREFIX + "after", endpoints.after),
        web.post(PREFIX + "{resource}/{call}", endpoints.call),
    ]


async def guarded(
    request: web.Request, handler: Callable[[web.Request], Any]
) -> web.StreamResponse:
    """Run a control handler and turn what it raises into a JSON answer."""
    try:
        answer: web.StreamResponse = await handler(request)
    except ControlError as error:
        return _json({"ok": False, "error": str(error)}, error.status)
    except web.HTTPException as error:
        return _json({"ok": False, "error": error.reason}, error.status)
    except (LookupError, TypeError, ValueError) as error:
        return _json({"ok": False, "error": f"{type(error).__name__}: {error}"}, 400)
    return answer


class _Endpoints:
    def __init__(self, server: "SandboxServer") -> None:
        self._server = server

    async def health(self, _: web.Request) -> web.Response:
        return _result(None)

    async def requests(self, request: web.Request) -> web.Response:
        return _result(self._server.requests.entries(request.query.get("operation", "*")))

    async def clear_requests(self, _: web.Request) -> web.Response:
        self._server.requests.clear()
        return _result(None)

    async def counts(self, _: web.Request) -> web.Response:
        return _result(self._server.requests.counts())

    async def faults(self, _: web.Request) -> web.Response:
        return _result(self._server.faults.report())

    async def add_faults(self, request: web.Request) -> web.Response:
        data = await _body(request)
        wanted = data if isinstance(data, list) else [data]
        self._server.faults.add(*[Fault.from_json(_mapping(item)) for item in wanted])
        return _result(self._server.faults.report())

    async def clear_faults(self, _: web.Request) -> web.Response:
        self._server.faults.clear()
        return _result(None)

    async def after(self, request: web.Request) -> web.Response:
        data = _mapping(await _body(request))
        function = self._bound(
            str(data.get("resource", "")),
            str(data.get("call", "")),
            _mapping(data.get("arguments", {})),
        )
        match = {name: str(value) for name, value in _mapping(data.get("match", {})).items()}
        self._server.after(str(data.get("operation", "*")), int(data["count"]), function, **match)
        return _result(None)

    async def call(self, request: web.Request) -> web.Response:
        function = self._bound(
            request.match_info["resource"],
            request.match_info["call"],
            _mapping(await _body(request)),
        )
        return _result(function())

    def _bound(
        self, resource: str, name: str, arguments: Mapping[str, Any]
    ) -> Callable[[], object]:
        exposed = self._server.controls()
        if resource not in exposed:
            raise ControlError(f"no resource {resource!r}; there are {sorted(exposed)}", 404)
        if name not in exposed[resource]:
            raise ControlError(f"no {resource}/{name}; there are {sorted(exposed[resource])}", 404)
        function = exposed[resource][name]
        # Checked before the call, so that a wrong argument is told from a failure inside.
        try:
            bound = inspect.signature(function).bind(**arguments)
        except TypeError as error:
            raise ControlError(f"{resource}/{name}: {error}") from error
        return lambda: function(*bound.args, **bound.kwargs)


async def _body(request: web.Request) -> Any:
    raw = await request.read()
    try:
        return orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError as error:
        raise ControlError(f"the body is not JSON: {error}") from error


def _mapping(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ControlError("a JSON object is needed here")
    return data


def _result(result: object) -> web.Response:
    return _json({"ok": True, "result": result}, 200)


def _json(data: object, status: int) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(data),
        content_type="application/json",
        charset="utf-8",
    )
