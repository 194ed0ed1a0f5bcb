"""Queues to test with: the ledger's own on SQLite and PostgreSQL, and a real RabbitMQ."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# What the ledger's tests have: samples, and processes to be killed.
_LEDGER = str(Path(__file__).parents[1] / "ledger")
if _LEDGER not in sys.path:
    sys.path.append(_LEDGER)

from queue_samples import Jobs, Opener  # noqa: E402

from stores.queue.base import JobQueue  # noqa: E402


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Where an empty ledger is: a file."""
    path = tmp_path / "ledger.db"
    shutil.copy(sqlite_template, path)
    return str(path)


@pytest.fixture(
    params=["sqlite", "postgresql", pytest.param("rabbitmq", marks=pytest.mark.xdist_group("amqp"))]
)
def opener(request: pytest.FixtureRequest) -> Opener:
    """What opens each kind of queue."""
    if request.param == "postgresql":
        return Opener(request.getfixturevalue("emptied_database"))
    url = request.getfixturevalue("sqlite_url")
    if request.param == "sqlite":
        return Opener(url)
    return Opener(url, request.getfixturevalue("rabbitmq").url)


@pytest.fixture
def queue(opener: Opener) -> Iterator[JobQueue]:
    """An empty queue."""
    with opener.open() as opened:
        yield opened
    opened.ledger.close()


@pytest.fixture
def jobs(queue: JobQueue) -> Jobs:
    """Jobs of the queue under test."""
    return Jobs(queue)
