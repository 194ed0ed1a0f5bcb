"""State that a server answers from while tests change it."""

import threading
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class State:
    """Something with a lock.

    Attributes:
        lock: Held by every change and by the API while it makes up an answer.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def mutations(self) -> Mapping[str, Callable[..., object]]:
        """Every change by name, for the control endpoint."""
        return {
            name: getattr(self, name)
            for name in dir(type(self))
            if getattr(getattr(type(self), name), "is_mutation", False)
        }


S = TypeVar("S", bound=State)


def mutation(function: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Mark a change: it runs under the lock, and the control endpoint may call it."""

    @wraps(function)
    def locked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return function(self, *args, **kwargs)

    locked.is_mutation = True  # type: ignore[attr-defined]
    return locked
