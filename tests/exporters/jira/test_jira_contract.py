"""The Jira exporter keeps what every exporter promises, of Cloud and of Data Center."""

import pytest
from contract_exporter import ExporterContract, ExporterUnderTest
from jira_samples import HandClock, MakeExporter

from exporters.jira.settings import JiraSelection
from sandbox.jira.catalogue import DEVELOPERS
from sandbox.jira.server import JiraSandbox
from sandbox.jira.site import Site


def busy(site: Site, clock: HandClock) -> None:
    """Every kind of thing an issue can have, and a project whose ids take several pages."""
    site.add_version("TEA", "1.0", release_date="2026-12-01")
    site.add_component("TEA", "Kettle", lead="bob")
    board = site.add_board("TEA", "Tea board", "scrum")
    sprint = site.add_sprint(board, "Sprint 1", state="active", start=clock(), end=clock())
    epic = site.create_issue("TEA", "New kitchen", reporter="ada", type="Epic")
    for number in range(12):
        key = site.create_issue(
            "TEA",
            f"The kettle {number} is broken",
            reporter="bob",
            description="It does **not** boil.",
            assignee="ada",
            components=["Kettle"],
            fix_versions=["1.0"],
            labels=["hot"],
            parent=epic,
            values={"Sprint": [sprint], "Story point estimate": 3},
        )
        site.comment(key, "cleo", f"Number {number} is cold.")
    site.comment(key, "ada", "Only for developers", role=DEVELOPERS)
    site.log_work(key, "ada", 3600, comment="Looked at it.")
    site.attach(key, "bob", "notes.txt", b"The fuse is gone.")
    site.attach(key, "bob", "kettle.png", b"\x89PNG")
    clock.advance(3600)


class TestJiraCloud(ExporterContract):
    @pytest.fixture
    def under_test(
        self, jira: JiraSandbox, clock: HandClock, exporter_of: MakeExporter, token: str
    ) -> ExporterUnderTest:
        busy(jira.site, clock)
        return ExporterUnderTest(
            make=lambda: exporter_of(jira, id_page_size=5, bulk_size=4),
            selection=JiraSelection(),
            secrets=(token,),
        )


class TestJiraDataCenter(ExporterContract):
    @pytest.fixture
    def under_test(
        self, data_center: JiraSandbox, clock: HandClock, exporter_of: MakeExporter, token: str
    ) -> ExporterUnderTest:
        busy(data_center.site, clock)
        return ExporterUnderTest(
            make=lambda: exporter_of(data_center, id_page_size=5, bulk_size=4),
            selection=JiraSelection(),
            secrets=(token,),
        )
