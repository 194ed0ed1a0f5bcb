"""Queues of RabbitMQ that never answer, and their removal by one worker at a time.

A quorum queue that is younger than half a second when its server is killed cannot be used
afterwards (seen with RabbitMQ 3.10): it is there, takes no message and gives none. Nothing is lost
with it, because the ledger has every job: it is deleted, and made and filled again by whoever needs
it next.

Workers that delete such a queue at the same time, or one that another has just made anew, break it
again. So a queue that did not answer is asked once more by whoever holds the lock, a queue that
only its own connection may use, on a connection of its own.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

from amqp.exceptions import AMQPError, InternalError, NotFound, ResourceLocked

_log: Final = logging.getLogger(__name__)


class BrokenQueues:
    """What is known of one server's queues that do not answer.

    Args:
        server: The server, as logs name it.
        lock: The name of the queue that is the lock, one for each ledger.
        connect: Opens another connection to the server.
    """

    def __init__(self, server: object, lock: str, connect: Callable[[], Any]) -> None:
        self._server = server
        self._lock = lock
        self._connect = connect
        self.suspected: set[str] = set()

    @contextmanager
    def suspecting(
        self, queues: Callable[[], Collection[str]], *, excused: Callable[[], str | None]
    ) -> Iterator[None]:
        """Remembers which queues did not answer.

        Args:
            queues: Those that are waited for when the waiting has ended in vain.
            excused: Why the server lets everybody wait, if it does: then no queue is suspected.

        Raises:
            TimeoutError: They did not answer.
            InternalError: The server failed with one of them.
        """
        try:
            yield
        except TimeoutError:
            if (reason := excused()) is not None:
                raise TimeoutError(reason) from None
            self.suspected.update(queues())
            raise
        except InternalError:
            self.suspected.update(queues())
            raise

    def answered(self, queues: Collection[str]) -> None:
        """Clears queues that are well."""
        self.suspected.difference_update(queues)

    def delete(self, connection: Any) -> None:
        """Deletes queues that do not answer, unless another worker is about it.

        Args:
            connection: A connection on which nothing was asked yet.

        Raises:
            OSError: The server does not answer.
            AMQPError: It does not let us.
        """
        if not self.suspected:
            return
        with connection.channel() as channel:
            try:
                channel.queue_declare(self._lock, exclusive=True)
            except ResourceLocked:
                # Its holder asks them, as we do again when we use them next.
                self.suspected.clear()
                return
            try:
                for name in sorted(self.suspected):
                    if not self._answers(name):
                        _log.warning(
                            "The queue %s of RabbitMQ at %s is broken.", name, self._server
                        )
                        channel.queue_delete(name)
                        _log.warning(
                            "It was deleted, and is made and filled again from the ledger."
                        )
                    self.suspected.discard(name)
            finally:
                channel.queue_delete(self._lock)

    def _answers(self, queue: str) -> bool:
        with closing(self._connect()) as connection:
            connection.connect()
            try:
                # What it gives goes back with the connection.
                connection.channel().basic_get(queue)
            except NotFound:
                return True  # somebody deleted it
            except (TimeoutError, InternalError):
                with suppress(OSError, AMQPError):
                    connection.collect()
                return False
        return True
