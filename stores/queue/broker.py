"""A connection to RabbitMQ: publishing with confirms, receiving with acknowledgements.

py-amqp speaks the protocol and is not safe between threads, so one lock guards the connection. A
thread of our own answers heartbeats while workers work. Whatever fails drops the connection and is
told in a sentence; the next call connects anew.
"""

import json
import logging
import os
import select
import ssl
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, RLock, Thread
from typing import Any, Final
from weakref import WeakSet

import amqp
from amqp.exceptions import (
    AccessRefused,
    AMQPError,
    NotAllowed,
    NotFound,
    PreconditionFailed,
    ResourceLocked,
)

from stores.errors import StoreAccessError, StoreError, StoreUnavailableError
from stores.queue.addresses import BrokerAddress

_SYNC_SECONDS: Final = 30.0
"""How long to wait for an answer of the server."""

_SLICE: Final = 0.5
_DELIVERY_LIMIT: Final = 100
_DEAD_LENGTH: Final = 100_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be published.

    Attributes:
        queue: To which queue.
        job_id: The job it tells of.
        body: References; JSON-serialisable.
    """

    queue: str
    job_id: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that came and is to be acknowledged.

    Attributes:
        session: Of which connection; an acknowledgement counts on that one only.
        tag: Its number there.
        queue: From which queue.
        job_id: The job it tells of; None when it tells of none.
    """

    session: int
    tag: int
    queue: str
    job_id: int | None


@dataclass(slots=True)
class _Session:
    """What there is only as long as one connection."""

    number: int
    connection: Any
    publishing: Any
    consuming: Any
    declared: set[str] = field(default_factory=set)
    consumers: dict[str, str] = field(default_factory=dict)
    prefetch: int = 0
    published: int = 0
    held: int = 0
    buffer: deque[Delivery] = field(default_factory=deque)

    def drain(self) -> None:
        """Takes in what has come, without waiting."""
        with suppress(TimeoutError):
            while True:
                self.connection.drain_events(timeout=0)

    def take(self, limit: int) -> list[Delivery]:
        """The messages that came first."""
        taken = [self.buffer.popleft() for _ in range(min(limit, len(self.buffer)))]
        self.held += len(taken)
        return taken

    def give_back_others(self, queues: Collection[str]) -> None:
        """Has the server deliver to others what came from other queues and was not taken."""
        for delivery in [one for one in self.buffer if one.queue not in queues]:
            self.buffer.remove(delivery)
            self.consuming.basic_reject(delivery.tag, requeue=True)


class Broker:
    """A RabbitMQ server, as the job queue uses it. Safe to use from many threads."""

    def __init__(self, address: BrokerAddress, dead: str) -> None:
        """Prepares it; nothing is connected yet.

        Args:
            address: Where it is.
            dead: Name of the exchange and of the queue for messages of dead jobs.
        """
        self.address = address
        self.dead = dead
        self._sessions = 0
        self._begin_afresh()
        _brokers.add(self)

    def _begin_afresh(self) -> None:
        self._lock = RLock()
        self._session: _Session | None = None
        self._closed = Event()
        self._heart: Thread | None = None

    def publish(self, messages: Sequence[Outgoing]) -> set[int]:
        """Publishes messages, and waits until the server has them on disk.

        Returns:
            The ids of the jobs whose messages the server took.

        Raises:
            StoreError: The server does not answer, or does not let us.
        """
        with self._connected() as session:
            names = {message.queue for message in messages} - session.declared
            for name in sorted(names):
                self._declare(session, name)
            return self._publish(session, messages)

    def receive(self, queues: Collection[str], limit: int, wait: float) -> list[Delivery]:
        """Takes messages of some queues, as soon as there are any.

        Args:
            queues: From which.
            limit: How many at most. About as many may wait in this process for the next call.
            wait: Seconds to wait for the first one.

        Raises:
            StoreError: The server does not answer, or does not let us.
        """
        deadline = time.monotonic() + wait
        while True:
            with self._connected() as session:
                self._subscribe(session, queues, limit)
                session.drain()
                if session.buffer:
                    taken = [
                        session.buffer.popleft() for _ in range(min(limit, len(session.buffer)))
                    ]
                    session.held += len(taken)
                    return taken
                socket = session.connection.sock
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            with suppress(OSError, ValueError):  # closed meanwhile: the next round tells
                select.select([socket], [], [], min(left, _SLICE))

    def ack(self, deliveries: Collection[Delivery]) -> None:
        """Says that messages need not come again. Where the connection is gone they do."""
        self._settle(deliveries, lambda channel, tag: channel.basic_ack(tag))

    def reject(self, deliveries: Collection[Delivery]) -> None:
        """Has the server put messages into the dead queue."""
        self._settle(deliveries, lambda channel, tag: channel.basic_reject(tag, requeue=False))

    def requeue(self, deliveries: Collection[Delivery]) -> None:
        """Has the server deliver messages again."""
        self._settle(deliveries, lambda channel, tag: channel.basic_reject(tag, requeue=True))

    def clear_dead(self, still_dead: Callable[[list[int]], Collection[int]]) -> int:
        """Removes from the dead queue what is not dead any more.

        Args:
            still_dead: Told a list of job ids, it gives those that are still dead.

        Returns:
            How many messages were removed.

        Raises:
            StoreError: The server does not answer, or does not let us.
        """
        removed = 0
        with self._connected() as session:
            self._declare_dead(session)
            channel = session.connection.channel()
            try:
                found = []
                while (message := channel.basic_get(self.dead)) is not None:
                    found.append((message.delivery_tag, _job_id(message)))
                still = still_dead([job_id for _, job_id in found if job_id is not None])
                for tag, job_id in found:
                    if job_id not in still:
                        channel.basic_ack(tag)
                        removed += 1
            finally:
                channel.close()  # the others go back
        return removed

    def close(self) -> None:
        """Ends the connection; messages that were not acknowledged go back. Harmless twice."""
        self._closed.set()
        with self._lock:
            session, self._session = self._session, None
            if session is not None:
                with suppress(OSError, AMQPError):
                    session.connection.close()

    # The connection

    @contextmanager
    def _connected(self) -> Iterator[_Session]:
        with self._lock:
            try:
                if self._session is None:
                    self._session = self._connect()
                yield self._session
            except (OSError, AMQPError) as error:
                self._drop()
                raise self._sentence(error) from error

    def _connect(self) -> _Session:
        at = self.address
        connection = amqp.Connection(
            host=f"[{at.host}]:{at.port}" if ":" in at.host else f"{at.host}:{at.port}",
            userid=at.user,
            password=at.password,
            login_method="PLAIN",
            virtual_host=at.vhost,
            ssl=self._tls() if at.tls else False,
            heartbeat=at.heartbeat,
            connect_timeout=at.connection_timeout,
            read_timeout=_SYNC_SECONDS,
            write_timeout=_SYNC_SECONDS,
            client_properties={"product": "data-getters", "connection_name": "data-getters"},
        )
        connection.connect()
        publishing, consuming = connection.channel(), connection.channel()
        publishing.confirm_select()
        self._sessions += 1
        session = _Session(self._sessions, connection, publishing, consuming)
        self._declare_dead(session)
        if self._heart is None:
            self._closed.clear()
            self._heart = Thread(target=self._beat, name=f"heartbeat {at}", daemon=True)
            self._heart.start()
        return session

    def _tls(self) -> dict[str, Any]:
        at = self.address
        return {
            "ca_certs": at.cacertfile,
            "certfile": at.certfile,
            "keyfile": at.keyfile,
            "cert_reqs": ssl.CERT_REQUIRED,
            "server_hostname": at.host,
        }

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(OSError, AMQPError):
                session.connection.collect()

    def _beat(self) -> None:
        """Answers heartbeats, and takes in what comes, while nobody else does."""
        while not self._closed.wait(self.address.heartbeat / 4):
            with self._lock:
                session = self._session
                if session is None:
                    continue
                try:
                    session.drain()
                    session.connection.heartbeat_tick()
                except (OSError, AMQPError) as error:
                    _log.info("The connection to %s was lost: %s", self.address, error)
                    self._drop()
        self._heart = None

    # Queues

    def _declare(self, session: _Session, name: str) -> None:
        """Makes a queue that survives restarts and is kept on several servers where there are."""
        session.publishing.queue_declare(
            name,
            durable=True,
            auto_delete=False,
            arguments={
                "x-queue-type": "quorum",
                "x-dead-letter-exchange": self.dead,
                # Attempts are counted in the ledger; this is for what never got as far as that.
                "x-delivery-limit": _DELIVERY_LIMIT,
                # A message leaves for the dead queue only once that has it.
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        )
        session.declared.add(name)

    def _declare_dead(self, session: _Session) -> None:
        channel = session.publishing
        channel.exchange_declare(self.dead, "fanout", durable=True, auto_delete=False)
        channel.queue_declare(
            self.dead,
            durable=True,
            auto_delete=False,
            arguments={"x-queue-type": "quorum", "x-max-length": _DEAD_LENGTH},
        )
        channel.queue_bind(self.dead, self.dead)

    def _publish(self, session: _Session, messages: Sequence[Outgoing]) -> set[int]:
        waiting: dict[int, int] = {}
        refused: set[int] = set()

        def settled(tag: int, multiple: bool) -> list[int]:
            tags = [one for one in waiting if one <= tag] if multiple else [tag]
            return [waiting.pop(one) for one in tags if one in waiting]

        def returned(_error: Exception, _exchange: str, queue: str, message: Any) -> None:
            refused.add(_job_id(message) or 0)
            session.declared.discard(queue)  # somebody deleted it

        channel = session.publishing
        channel.events["basic_ack"] = {settled}
        channel.events["basic_nack"] = {lambda *about: refused.update(settled(*about))}
        channel.events["basic_return"] = {returned}
        for message in messages:
            session.published += 1
            waiting[session.published] = message.job_id
            channel.basic_publish(
                amqp.Message(
                    json.dumps({"job": message.job_id, **message.body}),
                    content_type="application/json",
                    delivery_mode=2,  # on disk
                    message_id=str(message.job_id),
                    app_id="data-getters",
                ),
                exchange="",
                routing_key=message.queue,
                mandatory=True,
            )
        deadline = time.monotonic() + _SYNC_SECONDS
        while waiting:
            session.connection.drain_events(timeout=max(0.01, deadline - time.monotonic()))
        return {message.job_id for message in messages} - refused

    def _subscribe(self, session: _Session, queues: Collection[str], limit: int) -> None:
        """Has messages of these queues sent to us, no more than are wanted."""
        prefetch = -(-(session.held + limit) // max(1, len(queues)))
        if session.consumers.keys() == set(queues) and prefetch <= session.prefetch:
            return
        channel = session.consuming
        for tag in session.consumers.values():
            channel.basic_cancel(tag)
        session.consumers.clear()
        session.give_back_others(queues)
        for name in sorted(queues):
            if name not in session.declared:
                self._declare(session, name)
        # Of each consumer: quorum queues know no limit of a whole channel.
        channel.basic_qos(0, prefetch, a_global=False)
        session.prefetch = prefetch

        def came(message: Any) -> None:
            queue = message.delivery_info["routing_key"]
            session.buffer.append(
                Delivery(session.number, message.delivery_tag, queue, _job_id(message))
            )

        for name in sorted(queues):
            session.consumers[name] = channel.basic_consume(name, callback=came)

    def _settle(self, deliveries: Collection[Delivery], settle: Callable[[Any, int], None]) -> None:
        try:
            with self._lock:
                if self._session is None or not deliveries:
                    return
                with self._connected() as session:
                    self._settle_all(session, deliveries, settle)
        except StoreError as error:
            # They come again, and the ledger knows what became of them.
            _log.info("Messages could not be acknowledged: %s", error)

    @staticmethod
    def _settle_all(
        session: _Session, deliveries: Collection[Delivery], settle: Callable[[Any, int], None]
    ) -> None:
        for delivery in deliveries:
            if delivery.session == session.number:
                session.held -= 1
                settle(session.consuming, delivery.tag)

    # Errors

    def _sentence(self, error: Exception) -> StoreError:
        at = self.address
        words = _words(error, at)
        match error:
            case AccessRefused() if "login" in words.lower() or error.code != 403:
                return self._refused(words)
            case AccessRefused():
                return StoreAccessError(
                    f"RabbitMQ at {at} does not let the job queue do what it must: {words}.",
                    hint="Give its user permission to configure, write and read "
                    "`data-getters.*` in the virtual host.",
                )
            case NotAllowed() | NotFound():
                return StoreAccessError(
                    f"RabbitMQ at {at} refuses: {words}.",
                    hint="Create the virtual host (rabbitmqctl add_vhost), or correct the URL of "
                    "the job queue.",
                )
            case PreconditionFailed() | ResourceLocked():
                return StoreError(
                    f"A queue of RabbitMQ at {at} is of another kind than the job queue needs: "
                    f"{words}.",
                    hint="Delete that queue: the ledger fills it again.",
                )
            case ssl.SSLCertVerificationError():
                return StoreAccessError(
                    f"The certificate of RabbitMQ at {at} is not accepted: {words}.",
                    hint="Name its certificate authority in the URL: "
                    "?cacertfile=/path/to/authority.pem.",
                )
            case _:
                return StoreUnavailableError(
                    f"RabbitMQ at {at} does not answer: {words}.",
                    hint="Check host and port of the job queue's URL, and that the server is "
                    "running.",
                )

    def _refused(self, words: str) -> StoreError:
        return StoreAccessError(
            f"RabbitMQ does not let the job queue in ({self.address}): {words}.",
            hint="Check user and password of the job queue's URL. The user guest is let in from "
            "the same machine only.",
        )


_brokers: Final[WeakSet[Broker]] = WeakSet()
_carried_over: Final[list[object]] = []


def _leave_connections_to_parent() -> None:
    """A process made by `fork` must not talk on its parent's connections, nor close them."""
    for broker in _brokers:
        _carried_over.append(broker._session)
        broker._begin_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_connections_to_parent)


def _job_id(message: Any) -> int | None:
    try:
        return int(json.loads(message.body)["job"])
    except (ValueError, KeyError, TypeError):
        return None


def _words(error: Exception, address: BrokerAddress) -> str:
    """What was said, in one line and without the password."""
    told = getattr(error, "reply_text", None) or getattr(error, "strerror", None) or str(error)
    text = " ".join(str(told).split()).rstrip(". ") or type(error).__name__
    return text.replace(address.password, "***") if address.password else text
