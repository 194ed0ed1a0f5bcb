"""A connection to RabbitMQ on which waiting for an answer comes to an end."""

import time
from typing import Any

import amqp


class PatientConnection(amqp.Connection):  # type: ignore[misc]
    """Gives a server so many seconds for the next answer, or message.

    py-amqp itself counts them from the last frame that came, and a heartbeat is a frame: a server
    that lives, with a queue that does not, would be waited for until it says `INTERNAL_ERROR` after
    a minute, or for ever.
    """

    def __init__(self, *, answer_seconds: float, **options: Any) -> None:
        """Prepares it; `connect` comes next.

        Args:
            answer_seconds: How long to wait where a call does not say.
            options: Those of `amqp.Connection`.
        """
        super().__init__(read_timeout=answer_seconds, write_timeout=answer_seconds, **options)
        self._answer_seconds = answer_seconds

    def drain_events(self, timeout: float | None = None) -> None:
        """Takes in what comes, until that is an answer or a message.

        Args:
            timeout: Seconds to wait for it; 0 takes in what is there.

        Raises:
            TimeoutError: Nothing came, or heartbeats alone.
        """
        seconds = self._answer_seconds if timeout is None else timeout
        deadline = time.monotonic() + seconds
        while not self.blocking_read(seconds):
            seconds = deadline - time.monotonic()
            if timeout == 0:
                seconds = 0
            elif seconds <= 0:
                raise TimeoutError("timed out")
