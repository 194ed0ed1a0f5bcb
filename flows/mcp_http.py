"""The MCP server over streamable HTTP: on this machine, or with a bearer token.

The SDK's own authorization is OAuth: it would send clients to an authorization server that is not
there. Here one token opens the server, and whoever has it searches for the person the server was
started for.
"""

import hmac
import socket
from typing import Any, Final

import uvicorn
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from documents.errors import ConfigurationError

PATH: Final = "/mcp"

_LARGEST_REQUEST: Final = 256 * 1024
"""Bytes. A request holds a query or an id."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes any that is free.

    Raises:
        ConfigurationError: The address is taken, or is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # From now on clients are kept waiting, not refused, until the server has started.
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"{host} port {port} cannot be listened on: {error.strerror or error}.",
            hint="Choose another --port or --host.",
        ) from None
    return listening


def address(listening: socket.socket) -> str:
    """Where clients reach a socket."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


def serve(server: MCPServer[Any], listening: socket.socket, token: str | None) -> None:
    """Serves until it is interrupted.

    Args:
        server: What answers.
        listening: Where.
        token: What clients must send; None only for a socket of this machine.
    """
    app: ASGIApp = server.streamable_http_app(
        streamable_http_path=PATH,
        # Every request stands alone, so a restart ends nobody's session.
        stateless_http=True,
        max_request_body_size=_LARGEST_REQUEST,
        # A page in a browser that was led here by a forged name has no token. Without one the names
        # of this machine are the only ones allowed, which is the SDK's default for 127.0.0.1.
        transport_security=(
            TransportSecuritySettings(enable_dns_rebinding_protection=False) if token else None
        ),
        host="127.0.0.1",
    )
    if token:
        app = BearerToken(app, token)
    config = uvicorn.Config(app, log_level="warning", access_log=False, log_config=None)
    uvicorn.Server(config).run(sockets=[listening])


class BearerToken:
    """Lets through requests that carry a token, and answers 401 to all others."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._wanted = f"bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers or hands on a request."""
        if scope["type"] == "http" and not self._is_allowed(scope):
            refusal = JSONResponse(
                {"error": "Send the token of this server as `Authorization: Bearer <token>`."},
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(sent) != 1:
            return False
        scheme, _, token = sent[0].partition(b" ")
        # Compared in a time that does not tell how much of it is right.
        return hmac.compare_digest(scheme.lower() + b" " + token.strip(), self._wanted)
