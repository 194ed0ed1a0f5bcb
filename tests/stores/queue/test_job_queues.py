"""Every job queue keeps the contract; the policy of retries."""

import pytest
from contract_job_queue import JobQueueContract

from stores.queue.base import RetryPolicy


class TestJobQueues(JobQueueContract):
    """The ledger on SQLite and on PostgreSQL, and RabbitMQ."""


@pytest.mark.parametrize(
    ("attempts", "low", "high"), [(1, 5, 10), (2, 10, 20), (4, 40, 80), (5_000, 450, 900)]
)
def test_waits_double_up_to_a_bound_and_are_drawn_by_lot(
    attempts: int, low: float, high: float
) -> None:
    policy = RetryPolicy(first=10, longest=900)
    drawn = [policy.delay(attempts) for _ in range(100)]
    assert low <= min(drawn) < max(drawn) <= high


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"first": -1}, {"longest": 90_000}])
def test_a_policy_without_sense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one attempt"):
        RetryPolicy(**wrong)
