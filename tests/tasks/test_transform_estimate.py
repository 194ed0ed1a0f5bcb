"""What embedding takes and costs is told before it is begun."""

from collections.abc import Callable
from pathlib import Path

import pytest
from faults.stages import STAGES
from test_extract_and_transform import Site

from documents.errors import ConfigurationError
from tasks.transform_estimate import estimate_transform

Folder = Callable[[Path], None]


@pytest.fixture
def in_folder(monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Has the settings name the stores of a folder."""

    def choose(folder: Path) -> None:
        monkeypatch.setenv("DATA_GETTERS_STORES__DATA_DIRECTORY", str(folder))
        monkeypatch.setenv("DATA_GETTERS_STORES__EMBEDDING_MODEL", "python:scripted_source:MODEL")
        monkeypatch.setenv("DATA_GETTERS_STORES__EMBEDDING_PRICE", "10")
        monkeypatch.setenv("DATA_GETTERS_JIRA__BASE_URL", "https://example.atlassian.net")

    return choose


@pytest.mark.parametrize("source", sorted(STAGES))
def test_a_worker_embeds_what_the_estimate_says(
    source: str, tmp_path: Path, in_folder: Folder
) -> None:
    stage = STAGES[source]
    site = Site(tmp_path / "site", stage.store_name, stage.custom)
    site.schemas = stage.manifest.load(stage.manifest.schemas)
    company = stage.company()
    in_folder(site.folder)
    with stage.served(company) as sandbox:
        exporter = stage.opener(sandbox)()
        listed = exporter.partitions(stage.selection())
        site.extract(exporter, [p for p in listed if not p.unreadable])
        before = estimate_transform()
        assert estimate_transform("slack" if source != "slack" else "jira").texts == 0
        assert estimate_transform(source, "nobody").documents == 0
        result = site.work(exporter)
    assert before.texts == result.counts.embedded > 0
    assert before.tokens > before.texts
    assert before.price == pytest.approx(before.tokens * 10 / 1e6)
    after = estimate_transform(source)
    assert (after.documents, after.texts, after.price) == (0, 0, 0.0)
    assert after.seconds is None


def test_without_an_extraction_it_says_what_to_do(tmp_path: Path, in_folder: Folder) -> None:
    in_folder(tmp_path / "empty")
    with pytest.raises(ConfigurationError, match="Nothing was extracted yet") as raised:
        estimate_transform()
    assert "data-getters extract" in raised.value.sentence()
    assert not (tmp_path / "empty").exists()


def test_without_a_model_it_says_so(
    tmp_path: Path, in_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_folder(tmp_path)
    monkeypatch.setenv("DATA_GETTERS_STORES__EMBEDDING_MODEL", "none")
    with pytest.raises(ConfigurationError, match="No embedding model is set"):
        estimate_transform()
