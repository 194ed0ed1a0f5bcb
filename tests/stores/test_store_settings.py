"""Where the stores are, said by arguments, environment and file."""

import subprocess
import sys
from pathlib import Path

import pytest
from store_samples import a_document

from documents.errors import ConfigurationError
from stores.opening import open_document_index, open_embeddings, open_search, open_vector_store
from stores.settings import StoreSettings, load_store_settings, parse_location
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.vector_store import SqliteVectorStore


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA_GETTERS_CONFIG", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


class TestSources:
    def test_without_any_everything_lies_in_one_file_of_the_users_own(self, tmp_path: Path) -> None:
        settings = load_store_settings()
        file = tmp_path / "home" / "data-getters" / "store.db"
        if sys.platform == "linux":
            assert settings.embedded_file == file
        locations = (
            settings.document_index_location,
            settings.vector_store_location,
            settings.ledger_location,
        )
        assert {location.address for location in locations} == {str(settings.embedded_file)}
        assert {location.scheme for location in locations} == {"sqlite"}
        assert settings.raw_url == str(settings.data_directory / "raw")
        assert settings.embedding_model == "wordllama"

    def test_an_argument_wins_over_the_environment_and_that_over_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "data-getters.toml").write_text(
            '[stores]\nfusion = "rrf:1"\ncandidates = 11\nchunk_overlap = 12\n'
            "[slack]\npage_size = 3\n"
        )
        monkeypatch.setenv("DATA_GETTERS_STORES__CANDIDATES", "21")
        monkeypatch.setenv("DATA_GETTERS_STORES__CHUNK_OVERLAP", "22")
        settings = load_store_settings(chunk_overlap=32, candidates=None)
        assert (settings.fusion, settings.candidates, settings.chunk_overlap) == ("rrf:1", 21, 32)

    def test_the_file_can_lie_elsewhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "other.toml").write_text("[stores]\ncandidates = 5\n")
        assert load_store_settings(config_file=tmp_path / "other.toml").candidates == 5
        monkeypatch.setenv("DATA_GETTERS_CONFIG", str(tmp_path / "other.toml"))
        assert load_store_settings().candidates == 5

    def test_importing_them_is_light(self) -> None:
        heavy = {"numpy", "apsw", "langchain_core"}
        code = f"import stores.settings, sys; print({heavy} & set(sys.modules))"
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert told.stdout == "set()\n"


class TestWrongValues:
    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ({"fusion": "best"}, ["argument `fusion`", "rrf:<k>"]),
            ({"document_index": "mongodb://x"}, ["argument `document_index`", "mongodb", "sqlite"]),
            ({"vector_store": "sqlite://"}, ["argument `vector_store`", "sqlite:///store.db"]),
            ({"embedding_url": "localhost"}, ["argument `embedding_url`", "https://"]),
            ({"candidates": 0}, ["argument `candidates`", "greater than or equal to 1"]),
            ({"candidates": "many"}, ["argument `candidates`", "integer"]),
            ({"chunk_overlap": 900}, ["chunk_overlap", "half"]),
            ({"embeding_model": "none"}, ["embeding_model", "Did you mean `embedding_model`"]),
        ],
    )  # fmt: skip
    def test_a_sentence_names_the_value_and_what_is_expected(
        self, values: dict[str, object], told: list[str]
    ) -> None:
        with pytest.raises(ConfigurationError) as error:
            load_store_settings(**values)
        for part in told:
            assert part in error.value.sentence()

    def test_a_value_is_named_as_it_was_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "data-getters.toml").write_text("[stores]\ncandidates = -1\n")
        with pytest.raises(ConfigurationError, match=r"`candidates` in \[stores\] of .*toml"):
            load_store_settings()
        monkeypatch.setenv("DATA_GETTERS_STORES__CANDIDATES", "-2")
        with pytest.raises(ConfigurationError, match="DATA_GETTERS_STORES__CANDIDATES"):
            load_store_settings()
        monkeypatch.setenv("DATA_GETTERS_STORES__CANDIDATES", "2")
        monkeypatch.setenv("DATA_GETTERS_STORES__FUSON", "rrf")
        with pytest.raises(ConfigurationError, match="DATA_GETTERS_STORES__FUSON") as error:
            load_store_settings()
        assert "fusion" in error.value.hint

    @pytest.mark.parametrize(
        ("content", "told"), [("[stores", "not TOML"), ("stores = 3", "section")]
    )
    def test_a_broken_file_says_so(self, tmp_path: Path, content: str, told: str) -> None:
        (tmp_path / "data-getters.toml").write_text(content)
        with pytest.raises(ConfigurationError, match=told):
            load_store_settings()

    def test_a_file_that_is_not_there_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATA_GETTERS_CONFIG", "/nowhere/x.toml")
        with pytest.raises(ConfigurationError, match=r"/nowhere/x\.toml"):
            load_store_settings()

    def test_passwords_are_not_shown(self) -> None:
        settings = load_store_settings(
            ledger="postgresql://me:geheim@host/db", embedding_api_key="geheim"
        )
        assert "geheim" not in repr(settings) + repr(settings.ledger_location) + str(settings)
        assert settings.ledger_location.address == "postgresql://me:geheim@host/db"


class TestLocations:
    @pytest.mark.parametrize(
        ("text", "path"),
        [
            ("/a/b.db", "/a/b.db"),
            ("sqlite:////a/b.db", "/a/b.db"),
            ("SQLITE:////a/b.db", "/a/b.db"),
            ("/with space/ö.db", "/with space/ö.db"),
        ],
    )
    def test_paths_and_urls(self, text: str, path: str) -> None:
        assert parse_location(text).address == path
        assert parse_location(text).scheme == "sqlite"

    def test_relative_ones_are_of_the_working_directory(self, tmp_path: Path) -> None:
        for text in ("x/b.db", "sqlite:///x/b.db"):
            assert parse_location(text).address == str(tmp_path / "x" / "b.db")

    def test_other_schemes_are_left_to_those_who_know_them(self) -> None:
        location = parse_location("elasticsearch://host:9200/prefix")
        assert location.scheme == "elasticsearch"
        assert location.address == "elasticsearch://host:9200/prefix"


class TestOpening:
    def settings(self, tmp_path: Path, **values: object) -> StoreSettings:
        return load_store_settings(data_directory=tmp_path / "data", **values)

    def test_the_embedded_stores_share_one_file(self, tmp_path: Path) -> None:
        settings = self.settings(tmp_path)
        index, vectors = open_document_index(settings), open_vector_store(settings)
        assert isinstance(index, SqliteDocumentIndex)
        assert isinstance(vectors, SqliteVectorStore)
        assert settings.embedded_file.exists()
        assert [path.name for path in settings.data_directory.glob("*.db")] == ["store.db"]
        index.close()

    def test_a_search_is_opened_with_its_model(self, tmp_path: Path) -> None:
        settings = self.settings(tmp_path)
        index = open_document_index(settings)
        index.write([a_document("1", "a fox")])
        search = open_search(settings)
        assert not search.words_only
        assert len(search.search("fox", as_user=None)) == 1
        index.close()

    def test_with_no_model_a_search_goes_by_words(self, tmp_path: Path) -> None:
        settings = self.settings(tmp_path, embedding_model="none")
        assert open_embeddings(settings) is None
        assert open_search(settings).words_only
        open_document_index(settings).close()
