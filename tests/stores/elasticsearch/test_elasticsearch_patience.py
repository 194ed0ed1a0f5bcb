"""Waiting for a server: for as long as was said, and not a moment longer than makes sense."""

import time

from stores.elasticsearch.connection import Patience
from stores.errors import StoreReadOnlyError, StoreUnavailableError


def moments_of_attempts(patience: Patience) -> list[float]:
    """When each attempt may be made, until there is none any more; in seconds from now."""
    failure = StoreUnavailableError("away")
    began, moments = time.monotonic(), []
    try:
        while True:
            patience.wait(failure)
            moments.append(time.monotonic() - began)
    except StoreUnavailableError as told:
        assert told is failure  # noqa: PT017 (told after an unknown number of attempts)
        return moments


def test_the_last_attempt_is_made_when_the_time_is_over() -> None:
    assert moments_of_attempts(Patience(1.0))[-1] >= 0.9


def test_without_patience_there_is_one_attempt() -> None:
    assert moments_of_attempts(Patience(0.0)) == []


def test_progress_begins_the_time_anew() -> None:
    patience = Patience(0.3)
    time.sleep(0.3)
    patience.progressed()
    assert moments_of_attempts(patience)


def test_a_writer_looks_every_second_whether_a_reindex_is_through() -> None:
    patience, waits = Patience(60), []
    for _ in range(6):
        began = time.monotonic()
        patience.wait(StoreReadOnlyError("a reindex is replacing it"))
        waits.append(time.monotonic() - began)
    # At most 1, where it would be 0.8, 1.6 and 3.2 at least for a server that is away.
    assert min(waits[4:]) < 1.5
