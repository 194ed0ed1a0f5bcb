"""What a failure of RabbitMQ means, in sentences without the password."""

import ssl
from typing import Final

from amqp.exceptions import (
    AccessRefused,
    NotAllowed,
    NotFound,
    PreconditionFailed,
    ResourceLocked,
)

from stores.errors import StoreAccessError, StoreError, StoreUnavailableError
from stores.queue.addresses import BrokerAddress

_NO_QUEUE: Final = "NOT_FOUND - no queue"
"""What RabbitMQ says of a queue that is not there, and of a virtual host in other words."""


def sentence(error: Exception, at: BrokerAddress) -> StoreError:
    """What a failure means.

    Args:
        error: As the client raised it.
        at: Which server.
    """
    words = _words(error, at)
    match error:
        case AccessRefused() if "login" in words.lower():
            return StoreAccessError(
                f"RabbitMQ does not let the job queue in ({at}): {words}.",
                hint="Check user and password of the job queue's URL. The user guest is let in "
                "from the same machine only.",
            )
        case AccessRefused():
            return StoreAccessError(
                f"RabbitMQ at {at} does not let the job queue do what it must: {words}.",
                hint="Give its user permission to configure, write and read `data-getters.*`, and "
                "to write `amq.default`, in the virtual host.",
            )
        case NotAllowed() | NotFound() if _NO_QUEUE not in words:
            return StoreAccessError(
                f"RabbitMQ at {at} refuses: {words}.",
                hint="Create the virtual host (rabbitmqctl add_vhost) and give the user "
                "permissions in it, or correct the URL of the job queue.",
            )
        # What else is no precondition is a message that was held for longer than half an hour.
        case ResourceLocked() | PreconditionFailed() if "delivery" not in words:
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
            return _silent(at, words)


def _silent(at: BrokerAddress, words: str) -> StoreError:
    """What passes: whoever asked connects anew, and makes again what is not there."""
    if _NO_QUEUE in words:
        return StoreUnavailableError(
            f"Somebody deleted a queue of RabbitMQ at {at}: {words}.",
            hint="It is made and filled again from the ledger.",
        )
    return StoreUnavailableError(
        f"RabbitMQ at {at} does not answer: {words}.",
        hint="Check host and port of the job queue's URL, and that the server is running.",
    )


def _words(error: Exception, address: BrokerAddress) -> str:
    """What was said, in one line and without the password."""
    told = getattr(error, "reply_text", None) or getattr(error, "strerror", None) or str(error)
    text = " ".join(str(told).split()).rstrip(". ") or type(error).__name__
    return text.replace(address.password, "***") if address.password else text
