"""The worked example keeps what every exporter promises."""

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from example_package import ROOT

# Test folders are no packages; a source's own tests would lie beside the suite.
sys.path.append(str(ROOT / "tests" / "exporters"))

from contract_exporter import ExporterContract, ExporterUnderTest

if TYPE_CHECKING:
    from folder_source.exporter import FolderExporter


class TestFolderExporter(ExporterContract):
    @pytest.fixture
    def under_test(self, example: Path) -> ExporterUnderTest:
        settings = importlib.import_module("folder_source.settings")
        exporter = importlib.import_module("folder_source.exporter")

        def make() -> "FolderExporter":
            made: FolderExporter = exporter.FolderExporter(
                settings=settings.FolderSettings(
                    folders={"handbook": example}, readable_by=("domain:acme.example",)
                )
            )
            return made

        return ExporterUnderTest(
            make=make, selection=settings.FolderSelection(), has_checkpoints=False
        )
