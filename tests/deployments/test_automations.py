"""The automation for silent runs knows how a run of ours ends."""

import pytest
from prefect.automations import EventTrigger

from deployments.automations import AUTOMATIONS
from tasks.results import PartitionOutcome, PartitionResult, SyncResult
from tasks.sync import end_state


@pytest.mark.parametrize("outcome", PartitionOutcome)
def test_a_run_that_ended_is_not_taken_for_silent(outcome: PartitionOutcome) -> None:
    partition = PartitionResult(key="C1", name="general", kind="public", outcome=outcome)
    result = SyncResult(
        run_id="r", source="slack", connection="T1", partitions=[partition], seconds=1.0
    )
    trigger = AUTOMATIONS[0].trigger
    assert isinstance(trigger, EventTrigger)
    assert f"prefect.flow-run.{end_state(result).name}" in trigger.expect
