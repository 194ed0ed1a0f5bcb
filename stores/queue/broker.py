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
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, RLock, Thread
from typing import Any, Final
from weakref import WeakSet

import amqp
from amqp.exceptions import AMQPError

from stores.errors import StoreError, StoreUnavailableError
from stores.queue.addresses import BrokerAddress
from stores.queue.broken_queues import BrokenQueues
from stores.queue.broker_errors import sentence
from stores.queue.patience import PatientConnection
from stores.queue.topology import declare_dead_queue, declare_queue

ANSWER_SECONDS: Final = 15.0
"""How long to wait for an answer of the server."""

_SLICE: Final = 0.5
_ALARM: Final = "it is short of memory or disk, and takes no messages"

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

    def __init__(
        self, address: BrokerAddress, dead: str, *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        """Prepares it; nothing is connected yet.

        Args:
            address: Where it is.
            dead: Name of the exchange and of the queue for messages of dead jobs.
            answer_seconds: How long to wait for an answer of the server.
        """
        self.address = address
        self.dead = dead
        self.answer_seconds = answer_seconds
        self._sessions = 0
        self._broken = BrokenQueues(address, f"{dead}.lock", self._new_connection)
        self._alarm = False
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
        with self._lock:
            connected = self._session is not None
            try:
                return self._publish_all(messages)
            except StoreUnavailableError:
                # A server that was restarted costs nobody anything: an old connection tells of its
                # end only now. What is published twice does no harm.
                if not connected:
                    raise
                return self._publish_all(messages)

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
                if taken := session.take(limit):
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
            declare_dead_queue(session.publishing, self.dead)
            channel = session.connection.channel()
            try:
                found = []
                with self._suspecting(lambda: {self.dead}):
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
                raise sentence(error, self.address) from error

    def _new_connection(self) -> PatientConnection:
        at = self.address
        return PatientConnection(
            host=f"[{at.host}]:{at.port}" if ":" in at.host else f"{at.host}:{at.port}",
            userid=at.user,
            password=at.password,
            login_method="PLAIN",
            virtual_host=at.vhost,
            ssl=self._tls() if at.tls else False,
            heartbeat=at.heartbeat,
            connect_timeout=at.connection_timeout,
            on_blocked=self._blocked,
            on_unblocked=self._unblocked,
            answer_seconds=self.answer_seconds,
            client_properties={"product": "data-getters", "connection_name": "data-getters"},
        )

    def _connect(self) -> _Session:
        connection = self._new_connection()
        self._alarm = False
        with ExitStack() as undoing:
            undoing.callback(_abandon, connection)
            connection.connect()
            self._broken.delete(connection)
            publishing, consuming = connection.channel(), connection.channel()
            publishing.confirm_select()
            self._sessions += 1
            session = _Session(self._sessions, connection, publishing, consuming)
            declare_dead_queue(session.publishing, self.dead)
            undoing.pop_all()
        if self._heart is None:
            self._closed.clear()
            self._heart = Thread(target=self._beat, name=f"heartbeat {self.address}", daemon=True)
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
            _abandon(session.connection)

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

    def _suspecting(self, queues: Callable[[], Collection[str]]) -> AbstractContextManager[None]:
        """Remembers which queues did not answer."""
        return self._broken.suspecting(queues, excused=lambda: _ALARM if self._alarm else None)

    def _blocked(self, _reason: str) -> None:
        """The server takes no messages: https://www.rabbitmq.com/docs/alarms."""
        self._alarm = True

    def _unblocked(self) -> None:
        self._alarm = False

    def _publish_all(self, messages: Sequence[Outgoing]) -> set[int]:
        with self._connected() as session:
            names = {message.queue for message in messages} - session.declared
            for name in sorted(names):
                declare_queue(session.publishing, name, dead=self.dead)
                session.declared.add(name)
            return self._publish(session, messages)

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
        deadline = time.monotonic() + self.answer_seconds
        with self._suspecting(lambda: {m.queue for m in messages if m.job_id in waiting.values()}):
            while waiting:
                session.connection.drain_events(timeout=max(0.01, deadline - time.monotonic()))
        self._broken.answered({message.queue for message in messages})
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
                declare_queue(session.publishing, name, dead=self.dead)
                session.declared.add(name)
        # Of each consumer: quorum queues know no limit of a whole channel.
        channel.basic_qos(0, prefetch, a_global=False)
        session.prefetch = prefetch

        def came(message: Any) -> None:
            queue = message.delivery_info["routing_key"]
            session.buffer.append(
                Delivery(session.number, message.delivery_tag, queue, _job_id(message))
            )

        for name in sorted(queues):
            session.consumers[name] = self._consume(session, name, came)

    def _consume(self, session: _Session, name: str, came: Callable[[Any], None]) -> str:
        """Has the messages of a queue sent to us; gives the consumer's tag."""
        with self._suspecting(lambda: {name}):
            tag: str = session.consuming.basic_consume(name, callback=came)
        return tag

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


_brokers: Final[WeakSet[Broker]] = WeakSet()
_carried_over: Final[list[object]] = []


def _leave_connections_to_parent() -> None:
    """A process made by `fork` must not talk on its parent's connections, nor close them."""
    for broker in _brokers:
        _carried_over.append(broker._session)
        broker._begin_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_connections_to_parent)


def _abandon(connection: Any) -> None:
    """Closes the socket, without a word to the server: nothing of it is used any more."""
    with suppress(OSError, AMQPError):
        connection.collect()


def _job_id(message: Any) -> int | None:
    try:
        return int(json.loads(message.body)["job"])
    except (ValueError, KeyError, TypeError):
        return None
