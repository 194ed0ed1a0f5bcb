"""The Slack exporters keep what every exporter promises."""

from pathlib import Path

import pytest
from contract_exporter import ExporterContract, ExporterUnderTest
from slack_samples import HandClock, MakeExporter, fill

from exporters.slack.export_zip import SlackArchiveExporter
from exporters.slack.settings import SlackSelection
from sandbox.slack import SlackSandbox, Workspace


def busy(workspace: Workspace, clock: HandClock) -> None:
    """Every kind of conversation, and a channel with a checkpoint on the way."""
    fill(workspace, clock, 2_100, minutes=90)
    for number in range(4):
        root = workspace.post("random", "bob", f"Question {number}", ts=clock.ts(days=number + 1))
        workspace.reply("random", root, "ada", f"Answer {number}", ts=clock.ts(hours=number + 1))
    workspace.upload("secret", "ada", "plan.txt", "Paint the bollards.", ts=clock.ts(days=2))
    direct = workspace.open_direct(["ada", "knowledge_sync"])
    workspace.post(direct, "ada", "Just us", ts=clock.ts(days=2))


class TestSlackExporter(ExporterContract):
    @pytest.fixture
    def under_test(
        self,
        slack: SlackSandbox,
        workspace: Workspace,
        clock: HandClock,
        exporter_of: MakeExporter,
        token: str,
    ) -> ExporterUnderTest:
        busy(workspace, clock)
        return ExporterUnderTest(
            make=lambda: exporter_of(slack), selection=SlackSelection(), secrets=(token,)
        )


class TestSlackArchiveExporter(ExporterContract):
    @pytest.fixture
    def under_test(
        self, slack: SlackSandbox, workspace: Workspace, clock: HandClock, tmp_path: Path
    ) -> ExporterUnderTest:
        busy(workspace, clock)
        path = tmp_path / "export.zip"
        workspace.write_export_zip(path)
        return ExporterUnderTest(
            make=lambda: SlackArchiveExporter(path),
            selection=SlackSelection(export_zip=path),
            has_checkpoints=False,
        )
