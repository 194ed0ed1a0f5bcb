"""The queues and the exchange that are made in RabbitMQ."""

from typing import Any, Final

_DELIVERY_LIMIT: Final = 100
_DEAD_LENGTH: Final = 100_000


def declare_queue(channel: Any, name: str, *, dead: str) -> None:
    """Makes a queue of jobs, which survives restarts and is on several servers where there are.

    Args:
        channel: Of the client.
        name: What it is called.
        dead: The exchange for messages of dead jobs.
    """
    channel.queue_declare(
        name,
        durable=True,
        auto_delete=False,
        arguments={
            "x-queue-type": "quorum",
            "x-dead-letter-exchange": dead,
            # Attempts are counted in the ledger; this is for what never got as far as that.
            "x-delivery-limit": _DELIVERY_LIMIT,
            # A message leaves for the dead queue only once that has it.
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


def declare_dead_queue(channel: Any, name: str) -> None:
    """Makes the exchange for messages of dead jobs, and the queue behind it."""
    channel.exchange_declare(name, "fanout", durable=True, auto_delete=False)
    channel.queue_declare(
        name,
        durable=True,
        auto_delete=False,
        arguments={"x-queue-type": "quorum", "x-max-length": _DEAD_LENGTH},
    )
    channel.queue_bind(name, name)
