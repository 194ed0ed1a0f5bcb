"""Embedding models, chosen by a setting."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from documents.errors import ConfigurationError
from stores.embeddings import FunctionModel, load_embeddings, to_matrix
from stores.errors import EmbeddingError

ROOT = Path(__file__).parents[2]

MODULE = """
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

ready = DeterministicFakeEmbedding(size=6)

def made():
    return DeterministicFakeEmbedding(size=7)

class Own(Embeddings):
    def embed_documents(self, texts):
        return [[float(len(text)), 1.0] for text in texts]
    def embed_query(self, text):
        return [0.0, 1.0]

class Broken(Own):
    def __init__(self):
        raise RuntimeError("no graphics card")

number = 3
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_embeddings.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


class TestSettings:
    def test_none_is_no_model(self) -> None:
        assert load_embeddings("none") is None

    @pytest.mark.parametrize(
        "setting", ["", "x", "Wordllama", "openai", "openai:", "ollama:", "none:x", "wordllama:512"]
    )
    def test_an_unknown_setting_says_what_is_known(self, setting: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            load_embeddings(setting)
        assert "sentence-transformers:<name>" in error.value.hint

    @pytest.mark.parametrize(
        ("setting", "package"),
        [
            ("fastembed:BAAI/bge-small-en-v1.5", "fastembed"),
            ("sentence-transformers:all-MiniLM-L6-v2", "sentence-transformers"),
        ],
    )
    def test_a_missing_package_is_one_sentence(self, setting: str, package: str) -> None:
        pytest.importorskip("numpy")
        try:
            __import__(package.replace("-", "_"))
        except ImportError:
            with pytest.raises(EmbeddingError, match=package) as error:
                load_embeddings(setting)
            assert error.value.hint == f"Install it: pip install {package}"
        else:
            pytest.skip(f"{package} is installed here")

    def test_importing_the_module_loads_no_model(self) -> None:
        code = """
            import sys
            import stores.embeddings
            heavy = {"wordllama", "tokenizers", "safetensors", "httpx2", "apsw", "fastembed"}
            print(sorted(heavy & set(sys.modules)))
        """
        told = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        assert told.stdout == "[]\n"


@pytest.mark.usefixtures("own_module")
class TestPython:
    @pytest.mark.parametrize(("attribute", "dimensions"), [("ready", 6), ("made", 7), ("Own", 2)])
    def test_an_object_a_function_and_a_class_are_models(
        self, attribute: str, dimensions: int
    ) -> None:
        model = load_embeddings(f"python:own_embeddings:{attribute}")
        assert model is not None
        assert model.dimensions == dimensions
        assert model.identity == f"python:own_embeddings:{attribute}"
        matrix = model.embed_matrix(["a", "b"])
        assert matrix.shape == (2, dimensions)
        assert matrix.dtype == np.float32
        assert model.embed_matrix([]).shape == (0, dimensions)

    def test_questions_are_asked_by_the_models_own_way(self) -> None:
        model = load_embeddings("python:own_embeddings:Own")
        assert model is not None
        assert model.embed_question("four").tolist() == [0, 1]
        assert model.embed_matrix(["four"]).tolist() == [[4, 1]]
        assert model.embed_query("four") == [0, 1]
        assert model.embed_documents(["four"]) == [[4, 1]]

    @pytest.mark.parametrize(
        ("attribute", "told"),
        [
            ("nowhere", "nowhere"),
            ("Broken", "no graphics card"),
            ("number", "not callable"),
        ],
    )
    def test_what_cannot_be_loaded_says_why(self, attribute: str, told: str) -> None:
        with pytest.raises(EmbeddingError, match=told) as error:
            load_embeddings(f"python:own_embeddings:{attribute}")
        assert f"python:own_embeddings:{attribute}" in str(error.value)

    def test_a_module_that_is_not_there_says_so(self) -> None:
        with pytest.raises(EmbeddingError, match="no_such_module"):
            load_embeddings("python:no_such_module:x")

    def test_what_is_no_embeddings_object_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="LangChain Embeddings"):
            load_embeddings("python:json:JSONDecoder")
        assert json.JSONDecoder


class Lying(Embeddings):
    """A model that gives something else than it should."""

    def __init__(self, rows: object) -> None:
        self.rows = rows

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.rows  # type: ignore[return-value]

    def embed_query(self, text: str) -> list[float]:
        return [1.0, 0.0]


class TestChecks:
    @pytest.mark.parametrize(
        ("rows", "told"),
        [
            ([[1.0, 0.0]], "1 vectors for 2 texts"),
            ([[1.0, 0.0]] * 3, "3 vectors for 2 texts"),
            ([[1.0, 0.0], [1.0]], "1, 2 dimensions"),
            ([[1.0, 0.0, 0.0]] * 2, "3 dimensions"),
            ([[], []], "0 dimensions"),
            ([[1.0, float("nan")], [1.0, 0.0]], "not finite"),
            ([[1.0, float("inf")], [1.0, 0.0]], "not finite"),
            ([["a", "b"], ["c", "d"]], "numbers"),
            (np.full((2, 2), np.nan), "not finite"),
        ],
    )
    def test_a_model_that_lies_is_named(self, rows: object, told: str) -> None:
        model = Lying(rows)
        checked = FunctionModel("lying:model", model.embed_documents, model.embed_query)
        with pytest.raises(EmbeddingError, match=told) as error:
            checked.embed_matrix(["a", "b"])
        assert "lying:model" in str(error.value)
        assert not error.value.retryable

    @pytest.mark.parametrize(
        "rows",
        [
            [[1, 2], [3, 4]],
            [np.array([1, 2], np.float64), np.array([3, 4], np.float16)],
            np.array([[1, 2], [3, 4]], np.int64),
            ((1.0, 2.0), (3.0, 4.0)),
            iter([[1.0, 2.0], [3.0, 4.0]]),
        ],
        ids=["lists", "arrays", "matrix", "tuples", "iterator"],
    )
    def test_every_form_of_vectors_becomes_a_matrix(self, rows: object) -> None:
        matrix = to_matrix(rows, "m", 2, 2)
        assert matrix.dtype == np.float32
        assert matrix.tolist() == [[1, 2], [3, 4]]

    def test_a_large_answer_is_exact(self) -> None:
        vectors = DeterministicFakeEmbedding(size=384).embed_documents([str(i) for i in range(50)])
        assert np.array_equal(to_matrix(vectors, "m", 50), np.array(vectors, np.float32))
