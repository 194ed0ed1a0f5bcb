"""What goes wrong on the wire, told from exceptions without importing the library that raised them.

Classes are recognised by the names in their family tree, which urllib, http.client, socket, ssl,
requests, urllib3, httpx2, httplib2 and aiohttp share widely.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exporters.errors import (
    AuthenticationError,
    ExportError,
    InvalidDataError,
    TransientError,
)

CERTIFICATE: Final = "certificate"
"""`code` of the error of a server whose certificate is not trusted: no token helps there."""

_LONGEST_CHAIN: Final = 12
_LATER: Final = "It is asked again; if it lasts, look at the network and the service's status page."


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFailure:
    """A kind of failure before or while an answer came.

    Attributes:
        error: The class of error to make of it.
        message: A sentence with the fields `{service}`, `{request}` and `{detail}`.
        hint: What a person does about it.
        names: Exception classes that mean it.
        code: What stands for it in `ExportError.code`.
    """

    error: type[ExportError] = TransientError
    message: str
    hint: str = _LATER
    names: frozenset[str] = field(default_factory=frozenset)
    code: str | None = None


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MALFORMED_HEADER: Final = WireFailure(
    error=AuthenticationError,
    message="The credential of {service} contains characters that cannot be sent.",
    hint="Save it again, without line breaks and quotation marks.",
    names=_names("LocalProtocolError InvalidHeader"),
)
_UNREACHABLE: Final = WireFailure(
    message="The connection to {service} failed while it was asked for {request}.",
    names=_names(
        "ConnectionError ConnectError NetworkError TransportError NewConnectionError "
        "ClientConnectionError ClientOSError URLError HTTPException"
    ),
)

# The most telling first: a time-out inside a proxy error is the proxy's.
_FAILURES: Final = (
    WireFailure(
        # Not a wrong token, but like one it needs a person and no second try.
        error=AuthenticationError,
        message="The certificate of {service} is not trusted{detail}.",
        hint="Check base_url; behind an inspecting proxy set SSL_CERT_FILE to its certificates.",
        names=_names("SSLCertVerificationError CertificateError"),
        code=CERTIFICATE,
    ),
    _MALFORMED_HEADER,
    WireFailure(
        error=InvalidDataError,
        message="The address for {request} of {service} is not valid.",
        hint="Check base_url.",
        names=_names(
            "InvalidURL UnsupportedProtocol MissingSchema InvalidSchema LocationParseError"
        ),
    ),
    WireFailure(
        error=InvalidDataError,
        message="{service} redirects {request} in a circle.",
        hint="Check base_url and that the credential may read it: a login page may be in the way.",
        names=_names("TooManyRedirects"),
    ),
    WireFailure(
        message="The host of {service} is not known to the name service.",
        hint="Check base_url and the network (DNS, VPN).",
        names=_names("gaierror NameResolutionError ServerNotFoundError"),
    ),
    WireFailure(
        message="The proxy on the way to {service} failed.",
        hint="Check HTTPS_PROXY and NO_PROXY, or set use_environment_proxy to false.",
        names=_names("ProxyError ClientProxyConnectionError"),
    ),
    WireFailure(
        message="{service} refuses connections.",
        hint="Check base_url; if it is right, the service is down.",
        names=_names("ConnectionRefusedError"),
    ),
    WireFailure(
        message="{service} did not answer {request} in time.",
        hint="It is asked again; raise read_timeout if the service is known to be slow.",
        names=_names("TimeoutError TimeoutException Timeout ConnectTimeoutError ReadTimeoutError"),
    ),
    WireFailure(
        message="The encrypted connection to {service} failed.",
        hint="It is asked again; if it lasts, check base_url and proxies on the way.",
        names=_names("SSLError"),
    ),
    WireFailure(
        message="The answer of {service} to {request} was cut off.",
        names=_names(
            "ConnectionResetError ConnectionAbortedError BrokenPipeError IncompleteRead "
            "RemoteDisconnected BadStatusLine ProtocolError RemoteProtocolError ReadError "
            "WriteError CloseError ChunkedEncodingError ContentDecodingError DecodingError "
            "ServerDisconnectedError ClientPayloadError InvalidChunkLength"
        ),
    ),
    WireFailure(
        message="{service} answered {request} with something that is not JSON.",
        names=_names("JSONDecodeError"),
    ),
    _UNREACHABLE,
)

_NETWORK_ERRNOS: Final = frozenset(
    {
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENETRESET,
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.ENOTCONN,
        errno.EADDRNOTAVAIL,
    }
)


def exception_chain(error: BaseException) -> list[BaseException]:
    """An exception and what it was made of: causes, wrapped reasons and arguments.

    What was merely being handled when it was raised counts only where a library's own class was
    raised: a `KeyError` in an `except` block is a mistake, not a failure of the network.
    """
    chain: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting and len(chain) < _LONGEST_CHAIN:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or any(link is known for known in chain):
            continue
        chain.append(link)
        waiting += [link.__cause__, getattr(link, "reason", None), *link.args]
        if type(link).__module__ != "builtins" and not link.__suppress_context__:
            waiting.append(link.__context__)
    return chain


def forget_handled(error: BaseException, handled: BaseException | None) -> None:
    """Takes away what was being handled already when the call began that raised an exception.

    Python hangs it on whatever is raised meanwhile, and so an answer that is no JSON would seem to
    be the "not found" because of which it was asked for.
    """
    for link in exception_chain(error) if handled is not None else ():
        if link.__context__ is handled:
            link.__context__ = None


def wire_failure(chain: list[BaseException]) -> tuple[WireFailure, str] | None:
    """The kind of failure that a chain of exceptions tells of, with a detail for its message."""
    names = {kind.__name__ for link in chain for kind in type(link).__mro__}
    for failure in _FAILURES:
        if names & failure.names:
            reasons = [getattr(link, "verify_message", "") for link in chain]
            return failure, next((f" ({reason})" for reason in reasons if reason), "")
    for link in chain:
        # http.client's words for a token with a line break in it; they quote the token.
        if isinstance(link, ValueError) and str(link).startswith("Invalid header value"):
            return _MALFORMED_HEADER, ""
        if isinstance(link, UnicodeEncodeError) and link.encoding in {"latin-1", "ascii"}:
            return _MALFORMED_HEADER, ""
        if isinstance(link, OSError) and link.errno in _NETWORK_ERRNOS:
            return _UNREACHABLE, ""
    return None


def carried_answer(error: BaseException) -> tuple[int, Mapping[str, object], Any] | None:
    """The vendor's answer that an exception carries: status, headers and body.

    Understands urllib's HTTPError, requests and httpx2 (`response`), slack_sdk (`response` with
    `data`), google-api-python-client (`resp` and `content`) and PyGithub (`status`, `data`).
    """
    response = _first(error, "response", "resp")
    holder = error if response is None else response
    status = next(
        (
            value
            for name in ("status_code", "status", "code")
            if isinstance(value := getattr(holder, name, None), int) and 100 <= value < 600
        ),
        None,
    )
    # httplib2's response is itself the mapping of its headers.
    headers: Any = getattr(holder, "headers", holder)
    if status is None or not hasattr(headers, "items"):
        return None
    return status, headers, _body_of(holder, error)


def _first(holder: object, *names: str) -> Any:
    for name in names:
        value = getattr(holder, name, None)
        if value is not None:
            return value
    return None


def _body_of(holder: object, error: BaseException) -> Any:
    try:
        body = _first(holder, "data", "content", "body")
        if body is None and holder is not error:
            body = _first(error, "content", "body", "data")
        if body is None and hasattr(holder, "read"):
            body = holder.read()
    except (OSError, RuntimeError, ValueError):
        # A streamed body that was not read, or a connection that is gone: the status must do.
        return None
    return body
