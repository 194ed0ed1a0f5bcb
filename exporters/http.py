"""HTTP for sources without an SDK of their own, and for downloads. The only module with httpx2.

Every request goes through an `ApiCaller`, so it is paced, classified, retried and counted like the
calls of any SDK.
"""

import json
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from exporters.caller import ApiCaller
from exporters.classify import (
    ErrorRules,
    PartFailure,
    RequestInfo,
    answer_too_large,
    classify_response,
    graphql_failures,
)
from exporters.error_bodies import parse_body
from exporters.errors import ExportError, InvalidDataError, PermissionDeniedError
from exporters.redaction import RedactingFilter, redactor
from exporters.settings import WHOLE_CREDENTIAL

Parse = Callable[[bytes, Mapping[str, str]], Any]
"""Reads the body of a successful answer, given its headers (their names in any case)."""

Authorization = Mapping[str, str] | Callable[[], Mapping[str, str]]
"""The headers that carry the credential, or what makes them anew for each call."""

_USER_AGENT: Final = "prefect-data-getters"
_MOST_REDIRECTS: Final = 10
_ERROR_BODY_BYTES: Final = 64 * 1024

_WIRE_LOGGERS: Final = (
    # The first logs whole addresses at INFO, the others headers at DEBUG.
    "httpx2",
    *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)
_wire_log_filter: Final = RedactingFilter()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer of status 2xx or 304.

    Attributes:
        status: The HTTP status.
        headers: Case-insensitive.
        body: Parsed JSON, or what `parse` made; None where there is no body (204, 304).
        next_url: The address of the next page in a `Link` header.
        complete: False where the body was larger than `max_json_bytes` and was not read.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    next_url: str | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class GraphQLAnswer:
    """Data of a GraphQL query.

    Attributes:
        data: The value of `data`.
        failures: Parts that could not be had; empty unless partial data was allowed.
    """

    data: Any
    failures: tuple[PartFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class Download:
    """A file.

    Attributes:
        content: Its bytes, at most as many as were asked for.
        content_type: Its media type as the server says, lower case and without parameters.
        truncated: Whether there was more.
        size: Its whole size in bytes as the server says; None where it does not.
    """

    content: bytes
    content_type: str
    truncated: bool
    size: int | None


class HttpClient:
    """Requests to one service with one credential. Shared by threads; close it when done.

    The credential is sent to the host of `base_url` and to the hosts allowed here, never to others,
    not even after a redirect, and never unencrypted where `base_url` is encrypted.

    Args:
        caller: Paces, retries and counts; its settings are used.
        authorization: The headers that carry the credential; a callable is asked for each call,
            so a renewed token is used at once. Their values are registered for redaction.
        credential_hosts: Further hosts that may get the credential: `files.example.com`, with a
            port where it is not the usual one, or `*.example.com` for every host below.
        headers: Further headers of every request.
        short_lived: The credential is a token that dies within the hour; see
            `Redactor.register_passing`.
    """

    def __init__(
        self,
        caller: ApiCaller,
        *,
        authorization: Authorization | None = None,
        credential_hosts: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        short_lived: bool = False,
    ) -> None:
        settings = caller.settings
        self._caller = caller
        self._settings = settings
        self._authorization = authorization or {}
        self._register = redactor.register_passing if short_lived else redactor.register
        base = urlsplit(settings.base_url)
        self._base_url = settings.base_url.rstrip("/") + "/"
        self._base_host = base.netloc.lower()
        self._unencrypted = base.scheme == "http"
        self._credential_hosts = tuple(host.lower() for host in credential_hosts)
        for name in _WIRE_LOGGERS:
            logging.getLogger(name).addFilter(_wire_log_filter)
        self._client = httpx2.Client(
            headers={"Accept": "application/json", "User-Agent": _USER_AGENT, **(headers or {})},
            timeout=httpx2.Timeout(settings.read_timeout, connect=settings.connect_timeout),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=32),
            # Certificates of the environment are followed even where its proxy is not.
            verify=_ssl_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
            trust_env=settings.use_environment_proxy,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        parse: Parse | None = None,
        name: str = "",
        scope: str = WHOLE_CREDENTIAL,
        weight: int = 1,
        page_size: int | None = None,
        item: str | None = None,
        codes: ErrorRules | None = None,
        allow_partial: bool = False,
    ) -> HttpAnswer:
        """Asks for JSON.

        Args:
            method: The HTTP method.
            path: A path below `base_url`, or a whole address (a next link).
            params: The query. None values are left out.
            json: A body to send as JSON.
            form: A body to send as a form.
            content: A body to send as it is; its type belongs in `headers`.
            headers: Further headers.
            parse: Reads the body of a success that is not JSON (the parts of a batch). A
                `ValueError` of it counts as an answer that was cut off.
            name: What is asked for, for sentences; by default the method and the path.
            scope: See `ApiCaller.call`, as for the arguments that follow.
            weight: What the call costs.
            page_size: Items asked for.
            item: The id of the one item asked for.
            codes: Meanings of codes for this call alone.
            allow_partial: Accept partial data beside `errors`.

        Raises:
            ExportError: What went wrong, after the retries that make sense.
        """
        url = self._url(path)
        given = {key: value for key, value in (params or {}).items() if value is not None}
        build = partial(
            self._client.build_request,
            method,
            url,
            params=given or None,
            json=json,
            data=form,
            content=content,
            headers=headers,
        )
        answer: HttpAnswer = self._caller.call(
            partial(self._ask, build, parse),
            request=name or f"{method} {self._place(url)}",
            scope=scope,
            weight=weight,
            page_size=page_size,
            item=item,
            codes=codes,
            check=partial(self._failure, allow_partial),
        )
        return answer

    def get(self, path: str, **options: Any) -> HttpAnswer:
        """`request` with GET."""
        return self.request("GET", path, **options)

    def graphql(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        path: str = "",
        name: str = "the query",
        allow_partial: bool = False,
        **options: Any,
    ) -> GraphQLAnswer:
        """Sends a GraphQL query.

        Args:
            query: The query.
            variables: Its variables.
            path: Below `base_url`; by default that itself.
            name: What is asked for, for sentences.
            allow_partial: Return what data there is where each error concerns one part of it.
            options: As in `request`.

        Raises:
            ExportError: What went wrong; the worst of several `errors`.
        """
        answer = self.request(
            "POST",
            path or self._settings.base_url,
            json={"query": query, "variables": dict(variables or {})},
            name=name,
            allow_partial=allow_partial,
            **options,
        )
        body = answer.body if isinstance(answer.body, Mapping) else {}
        about = RequestInfo(service=self._caller.service, name=name)
        failures = graphql_failures(body, codes=options.get("codes"), about=about)
        return GraphQLAnswer(body.get("data"), tuple(failures))

    def download(
        self,
        url: str,
        *,
        max_bytes: int,
        expected_type: str = "",
        name: str = "",
        scope: str = WHOLE_CREDENTIAL,
        item: str | None = None,
        codes: ErrorRules | None = None,
    ) -> Download:
        """Fetches a file, or its beginning.

        Args:
            url: A whole address, or a path below `base_url`.
            max_bytes: How much to read; the rest is left, and `truncated` is set.
            expected_type: The media type that the vendor's listing gives. A web page is refused
                unless it is expected: vendors send their login page, with status 200, to a
                credential that may not read the file (Slack does).
            name: What is fetched, for sentences; by default the address without its query.
            scope: See `ApiCaller.call`, as for the arguments that follow.
            item: The id of the file.
            codes: Meanings of codes for this call alone.

        Raises:
            PermissionDeniedError: A web page came instead of the file.
            ExportError: What else went wrong.
        """
        address = self._url(url)
        build = partial(self._client.build_request, "GET", address, headers={"Accept": "*/*"})
        name = name or f"the file {self._place(address)}"
        return self._caller.call(
            partial(self._fetch, build, max_bytes, expected_type, name),
            request=name,
            scope=scope,
            item=item,
            codes=codes,
        )

    def close(self) -> None:
        """Gives back the connections."""
        self._client.close()

    def __enter__(self) -> "HttpClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _url(self, path: str) -> str:
        if path.startswith(("https://", "http://")):
            return path
        return self._base_url + path.lstrip("/")

    def _place(self, url: str) -> str:
        """An address as sentences name it: without the query, and without our own host."""
        parts = urlsplit(url)
        host = "" if parts.netloc.lower() == self._base_host else parts.hostname or ""
        return redactor.url(f"{host}{parts.path}")

    def _ask(self, build: Callable[[], httpx2.Request], parse: Parse | None = None) -> HttpAnswer:
        with self._answer(build, self._settings.answer_timeout) as (response, chunks):
            limit = self._settings.max_json_bytes
            content, complete = _read(chunks, limit)
            body = None
            if response.status_code >= 300:
                body = parse_body(content)
            elif complete and response.status_code != 204:
                body = _parsed(parse, content, response.headers) if parse else _json(content)
            return HttpAnswer(
                status=response.status_code,
                headers=response.headers,
                body=body,
                next_url=response.links.get("next", {}).get("url"),
                complete=complete,
            )

    def _failure(
        self, allow_partial: bool, answer: HttpAnswer, about: RequestInfo, codes: ErrorRules
    ) -> ExportError | None:
        if not answer.complete and answer.status < 300:
            return answer_too_large(self._settings.max_json_bytes, about)
        return classify_response(
            answer.status,
            answer.headers,
            answer.body,
            codes=codes,
            about=about,
            allow_partial=allow_partial,
        )

    def _fetch(
        self,
        build: Callable[[], httpx2.Request],
        max_bytes: int,
        expected_type: str,
        name: str,
    ) -> Download:
        with self._answer(build, self._settings.download_timeout) as (response, chunks):
            if response.status_code != 200:
                content, _ = _read(chunks, _ERROR_BODY_BYTES)
                raise _RefusedError(response.status_code, response.headers, content)
            content_type = (
                response.headers.get("content-type", "").partition(";")[0].strip().lower()
            )
            if content_type == "text/html" and "html" not in expected_type.lower():
                raise PermissionDeniedError(
                    f"{self._caller.service} sent a web page instead of {name}.",
                    hint="It is a login page: grant the credential the right to read files.",
                )
            content, complete = _read(chunks, max_bytes)
            length = response.headers.get("content-length", "")
            plain = "content-encoding" not in response.headers
            return Download(
                content=content[:max_bytes],
                content_type=content_type,
                truncated=not complete,
                size=int(length) if plain and length.isdecimal() else None,
            )

    @contextmanager
    def _answer(
        self, build: Callable[[], httpx2.Request], timeout: float
    ) -> Iterator[tuple[httpx2.Response, Iterator[bytes]]]:
        """Sends a request, follows redirects, and gives the answer with its decoded chunks."""
        deadline = time.monotonic() + timeout
        response = self._send(build())
        try:
            yield response, _until(deadline, response.iter_bytes())
        finally:
            response.close()

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        for _ in range(_MOST_REDIRECTS + 1):
            self._authorize(request)
            response = self._client.send(request, stream=True, auth=None, follow_redirects=False)
            following = response.next_request
            # A POST that became a GET would ask for something else than was meant.
            if following is None or following.method != request.method:
                return response
            response.close()
            request = following
        raise InvalidDataError(
            f"{self._caller.service} redirects {self._place(str(request.url))} in a circle.",
            hint="Check base_url and that the credential may read it.",
        )

    def _authorize(self, request: httpx2.Request) -> None:
        """Puts the credential on a request, or takes it off where its host may not have it."""
        authorization = self._authorization
        headers = authorization() if callable(authorization) else authorization
        allowed = self._may_have_credential(request.url)
        for name, value in headers.items():
            self._register(value, value.rpartition(" ")[2])
            request.headers.pop(name, None)
            if allowed:
                request.headers[name] = value

    def _may_have_credential(self, url: httpx2.URL) -> bool:
        if url.scheme != "https" and not self._unencrypted:
            return False
        host = url.netloc.decode("ascii").lower()
        if host == self._base_host:
            return True
        return any(
            host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed
            for allowed in self._credential_hosts
        )


@lru_cache(maxsize=4)
def _ssl_context(file: str | None, folder: str | None) -> ssl.SSLContext:
    """One context for all clients: reading the system's certificates takes 50 ms and more."""
    del file, folder
    return httpx2.create_ssl_context(trust_env=True)


class _RefusedError(Exception):
    """An answer that is no file, in the form that `classify_exception` reads."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers
        self.data = data


def _until(deadline: float, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks until the deadline: a server that trickles never runs into a read timeout.

    Raises:
        TimeoutError: The deadline has passed.
    """
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise TimeoutError("the answer takes too long as a whole")
        yield chunk


def _read(chunks: Iterator[bytes], limit: int) -> tuple[bytes, bool]:
    """At most `limit` bytes, and whether that was everything."""
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > limit:
            return bytes(content[:limit]), False
    return bytes(content), True


def _parsed(parse: Parse, content: bytes, headers: Mapping[str, str]) -> Any:
    """What a caller's own reader makes of a body.

    Raises:
        json.JSONDecodeError: It makes no sense, as with JSON that was cut off.
    """
    try:
        return parse(content, headers)
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None


def _json(content: bytes) -> Any:
    """Parses JSON.

    Raises:
        json.JSONDecodeError: It is none, whatever the reason.
    """
    try:
        return json.loads(content)
    except (UnicodeDecodeError, RecursionError) as error:
        raise json.JSONDecodeError(type(error).__name__, "", 0) from None
