"""The life cycle all sandboxes share: an aiohttp application on a free local port.

A vendor subclasses :class:`SandboxServer` and brings its routes; this class brings the thread, the
request log, the faults, the callbacks between requests and the control endpoints
(:mod:`sandbox.control`).
"""

import asyncio
import gc
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from sandbox import control, faults
from sandbox.faults import FaultPlan
from sandbox.requestlog import LoggedRequest, RequestLog

START_TIMEOUT_SECONDS = 10.0
MAX_REQUEST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for, in the vendor's terms.

    Attributes:
        operation: Name of the method or path, by which faults and counts are matched.
        parameters: Query and body parameters as text, without credentials.
        detail: Whatever the vendor's own handler wants to find again.
    """

    operation: str
    parameters: Mapping[str, str]
    detail: Any = None


CALL = web.RequestKey("call", Call)
"""Where a vendor's handler finds what ``describe`` made of the request."""

ERROR_CODE = web.RequestKey("error_code", str)
"""Where a vendor's handler leaves the error code of its answer for the request log."""


@dataclass(slots=True)
class _Hook:
    operation: str
    remaining: int
    match: Mapping[str, str]
    function: Callable[[], object]

    def due(self, call: Call) -> bool:
        if not fnmatchcase(call.operation, self.operation):
            return False
        if any(call.parameters.get(name) != value for name, value in self.match.items()):
            return False
        self.remaining -= 1
        return self.remaining == 0


@dataclass(slots=True)
class _Running:
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    thread: threading.Thread
    port: int = 0
    failure: BaseException | None = None
    ready: threading.Event = field(default_factory=threading.Event)


class SandboxServer(ABC):
    """A local server for one vendor.

    Use it as a context manager; it serves from a background thread until the block ends::

        with SlackSandbox(workspace) as slack:
            print(slack.base_url)

    Attributes:
        requests: Everything asked so far, except of the control endpoints.
        faults: What is to go wrong.
        latency: Seconds that every answer takes to come, as from a server that is far away.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Prepare a server; nothing listens until ``start``.

        Args:
            host: Address to listen on. The control endpoints have no login: keep it local.
            port: 0 takes a free port.
        """
        self.requests = RequestLog()
        self.faults = FaultPlan()
        self.latency = 0.0
        self._host = host
        self._port = port
        self._hooks: list[_Hook] = []
        self._hooks_lock = threading.Lock()
        self._running: _Running | None = None

    @abstractmethod
    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """The vendor's endpoints."""

    @abstractmethod
    async def describe(self, request: web.Request) -> Call:
        """Name the call a request makes. Must not fail on a malformed request."""

    def fault_bodies(self) -> Mapping[int, bytes]:
        """The JSON bodies the vendor sends with an error status."""
        return {}

    def controls(self) -> Mapping[str, Mapping[str, Callable[..., object]]]:
        """Functions that ``POST /_sandbox/<resource>/<name>`` may call, by resource and name."""
        return {}

    @property
    def base_url(self) -> str:
        """``http://host:port`` without a trailing slash.

        Raises:
            RuntimeError: The server is not running.
        """
        if self._running is None:
            raise RuntimeError("the sandbox is not running: use it in a with block or call start()")
        return f"http://{self._host}:{self._running.port}"

    def start(self) -> Self:
        """Listen and serve from a background thread.

        Raises:
            OSError: The port is taken.
        """
        if self._running is not None:
            raise RuntimeError("the sandbox is already running")
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._serve, name=type(self).__name__, daemon=True)
        running = _Running(loop=loop, stop=asyncio.Event(), thread=thread)
        self._running = running
        thread.start()
        if not running.ready.wait(START_TIMEOUT_SECONDS):
            raise RuntimeError("the sandbox did not start in time")
        if running.failure is not None:
            self._running = None
            raise running.failure
        return self

    def stop(self) -> None:
        """Stop serving and wait for the thread; open connections are dropped."""
        running, self._running = self._running, None
        if running is not None:
            running.loop.call_soon_threadsafe(running.stop.set)
            running.thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def after(
        self, operation: str, count: int, function: Callable[[], object], **match: str
    ) -> None:
        """Call a function once, between the count-th request from now and its answer.

        The answer is already made up, so the change shows from the next request on: this is how
        items change while a client pages. The function runs in a worker thread and may itself
        call the server.

        Args:
            operation: Glob on the operation (``conversations.history``).
            count: 1 for the next matching request.
            function: Takes nothing; what it returns is dropped.
            **match: Parameters a request must carry to be counted.
        """
        if count < 1:
            raise ValueError("count is 1 for the next request")
        with self._hooks_lock:
            self._hooks.append(_Hook(operation, count, match, function))

    def run_until_interrupted(self, *, write_url: Path | None = None) -> None:
        """Serve in the foreground until SIGINT or SIGTERM; the base URL is the first line printed.

        Args:
            write_url: File to put the base URL into as well, written once the port is open.
        """
        interrupted = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: interrupted.set())
        # A company is some hundred thousand objects that stay: the collector need not look at them.
        gc.collect()
        gc.freeze()
        with self:
            if write_url is not None:
                # Renamed into place, so that who waits for the file never reads half of it.
                unfinished = write_url.with_name(write_url.name + ".part")
                unfinished.write_text(self.base_url + "\n", encoding="utf-8")
                unfinished.replace(write_url)
            print(self.base_url, flush=True)  # noqa: T201  (the contract of the command)
            interrupted.wait()

    def _serve(self) -> None:
        running = self._running
        if running is None:
            return
        asyncio.set_event_loop(running.loop)
        try:
            running.loop.run_until_complete(self._listen(running))
        except OSError as error:
            running.failure = error
            running.ready.set()
        finally:
            running.loop.close()

    async def _listen(self, running: _Running) -> None:
        application = web.Application(
            middlewares=[self._observe], client_max_size=MAX_REQUEST_BYTES
        )
        application.add_routes([*control.routes(self), *self.routes()])
        runner = web.AppRunner(
            application, handle_signals=False, access_log=None, shutdown_timeout=0.1
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
            running.port = runner.addresses[0][1]
            running.ready.set()
            await running.stop.wait()
        finally:
            await runner.cleanup()

    @web.middleware
    async def _observe(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Any],
    ) -> web.StreamResponse:
        if request.path.startswith(control.PREFIX):
            return await control.guarded(request, handler)
        arrival = time.time()
        call = await self.describe(request)
        request[CALL] = call
        if self.latency:
            await asyncio.sleep(self.latency)
        fault = self.faults.take(call.operation, call.parameters)
        answer = await self._answer(request, handler, fault)
        await self._run_hooks(call)
        status = 0 if fault is not None and fault.kind == "reset" else answer.status
        self.requests.add(
            LoggedRequest(
                operation=call.operation,
                http_method=request.method,
                parameters=call.parameters,
                time=arrival,
                status=status,
                error=request.get(ERROR_CODE, ""),
                fault="" if fault is None else fault.kind,
            )
        )
        if fault is not None and fault.kind in faults.BODY_FAULTS:
            return await faults.spoil(fault, request, answer)
        return answer

    async def _answer(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Any],
        fault: faults.Fault | None,
    ) -> web.Response:
        if fault is not None and fault.kind == "reset":
            faults.reset_connection(request)
            return web.Response(status=499)
        if fault is not None and fault.kind not in faults.BODY_FAULTS:
            return faults.answer_for(fault, self.fault_bodies())
        try:
            answer: web.Response = await handler(request)
        except web.HTTPException as error:
            return web.Response(status=error.status, text=error.text)
        return answer

    async def _run_hooks(self, call: Call) -> None:
        with self._hooks_lock:
            due = [hook for hook in self._hooks if hook.due(call)]
            self._hooks = [hook for hook in self._hooks if hook.remaining > 0]
        for hook in due:
            await asyncio.to_thread(hook.function)
