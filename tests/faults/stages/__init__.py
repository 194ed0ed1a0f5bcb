"""The stages of all sources."""

from typing import Any

from faults.stages.base import Stage
from faults.stages.gmail import GmailStage
from faults.stages.jira import JiraStage
from faults.stages.slack import SlackStage

STAGES: dict[str, Stage[Any, Any]] = {
    stage.source: stage for stage in (SlackStage(), GmailStage(), JiraStage())
}
"""By the name of the source."""
