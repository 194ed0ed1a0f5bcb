"""Embedding models, chosen by one setting.

| setting | model | needs |
|---|---|---|
| `wordllama` | WordLlama, 256 dimensions, no network (the default) | |
| `none` | no vectors: search by words alone | |
| `fastembed:<model>` | an ONNX model | `pip install fastembed` |
| `sentence-transformers:<name or folder>` | any sentence-transformers model | that package |
| `openai:<model>` | OpenAI, or any server that speaks its API (`base_url`) | |
| `ollama:<model>` | a model of an Ollama server (`base_url`) | |
| `python:<module>:<attribute>` | a LangChain `Embeddings` object, its class or a function | |

Every model is a LangChain `Embeddings` and gives a float32 matrix at once besides, because lists of
Python numbers are ten times the size and most of the work.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from langchain_core.embeddings import Embeddings

from documents.errors import ConfigurationError
from documents.fingerprints import fingerprint
from stores.errors import EmbeddingError, StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_MODEL: Final = "none"


class EmbeddingModel(Embeddings):
    """A LangChain `Embeddings` that gives matrices and says which model it is.

    Attributes:
        identity: Names everything that changes the vectors: the key of caches and of
            `VectorStore.bind`.
        dimensions: Length of a vector.
    """

    def __init__(self, identity: str, dimensions: int) -> None:
        self.identity = identity
        self.dimensions = dimensions

    @abstractmethod
    def embed_matrix(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """The vectors (n, d) of texts that are stored; a row of zeros for a text without words.

        Raises:
            EmbeddingError: The model gave no vectors, or not such as it should.
        """

    def embed_question(self, text: str) -> "NDArray[np.float32]":
        """The vector (d) of a text that is searched for.

        Raises:
            EmbeddingError: As for `embed_matrix`.
        """
        return np.asarray(self.embed_matrix([text])[0])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's form of `embed_matrix`."""
        return cast("list[list[float]]", self.embed_matrix(texts).tolist())

    def embed_query(self, text: str) -> list[float]:
        """LangChain's form of `embed_question`."""
        return cast("list[float]", self.embed_question(text).tolist())


class FunctionModel(EmbeddingModel):
    """A model given as two functions: texts to vectors, and a question to its vector.

    The dimensions are asked of the model itself, with one question.
    """

    def __init__(
        self,
        identity: str,
        embed: Callable[[list[str]], Any],
        embed_question: Callable[[str], Any],
    ) -> None:
        self._embed = embed
        self._embed_question = embed_question
        super().__init__(identity, to_matrix([embed_question("dimensions")], identity, 1).shape[1])

    def embed_matrix(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """See `EmbeddingModel.embed_matrix`."""
        rows = self._embed(list(texts)) if texts else []
        return to_matrix(rows, self.identity, len(texts), self.dimensions)

    def embed_question(self, text: str) -> "NDArray[np.float32]":
        """See `EmbeddingModel.embed_question`."""
        row = self._embed_question(text)
        return np.asarray(to_matrix([row], self.identity, 1, self.dimensions)[0])


def load_embeddings(
    setting: str, *, base_url: str | None = None, api_key: str | None = None
) -> EmbeddingModel | None:
    """The model a setting names; see the table at the top of this module.

    Args:
        setting: Kind and name of the model.
        base_url: Where an `openai` or `ollama` server is; None takes the usual place.
        api_key: For `openai`; None takes the environment variable `OPENAI_API_KEY`.

    Returns:
        The model, or None for `none`: search goes by words alone.

    Raises:
        ConfigurationError: The setting names no model.
        EmbeddingError: The model cannot be loaded, or its server does not answer.
    """
    kind, _, name = setting.partition(":")
    if setting == NO_MODEL:
        return None
    if setting == "wordllama":
        return import_module("stores.wordllama").WordLlamaModel()  # type: ignore[no-any-return]
    if kind not in _KINDS or not name:
        raise ConfigurationError(
            f"{setting!r} names no embedding model.",
            hint="Known are wordllama, none, fastembed:<model>, sentence-transformers:<name>, "
            "openai:<model>, ollama:<model> and python:<module>:<attribute>.",
        )
    return _KINDS[kind](name, base_url, api_key)


def _fastembed(name: str, base_url: str | None, api_key: str | None) -> EmbeddingModel:
    del base_url, api_key
    with _loading(f"fastembed:{name}"):
        model = _package("fastembed", "fastembed").TextEmbedding(model_name=name)
    return FunctionModel(
        f"fastembed:{name}",
        lambda texts: list(model.embed(texts)),
        lambda text: next(iter(model.query_embed(text))),
    )


def _sentence_transformers(name: str, base_url: str | None, api_key: str | None) -> EmbeddingModel:
    del base_url, api_key
    package = _package("sentence_transformers", "sentence-transformers")
    with _loading(f"sentence-transformers:{name}"):
        model = package.SentenceTransformer(name)
    # From version 5 on a model reads texts and questions each in its own way.
    read = getattr(model, "encode_document", model.encode)
    ask = getattr(model, "encode_query", model.encode)
    return FunctionModel(
        f"sentence-transformers:{name}{_folder_mark(Path(name))}",
        lambda texts: read(texts, show_progress_bar=False),
        lambda text: ask([text], show_progress_bar=False)[0],
    )


def _openai(name: str, base_url: str | None, api_key: str | None) -> EmbeddingModel:
    server = import_module("stores.embedding_servers").OpenAIServer(name, base_url, api_key)
    return FunctionModel(server.identity, server.embed, lambda text: server.embed([text])[0])


def _ollama(name: str, base_url: str | None, api_key: str | None) -> EmbeddingModel:
    del api_key
    server = import_module("stores.embedding_servers").OllamaServer(name, base_url)
    return FunctionModel(server.identity, server.embed, lambda text: server.embed([text])[0])


def _python(name: str, base_url: str | None, api_key: str | None) -> EmbeddingModel:
    del base_url, api_key
    module, _, attribute = name.partition(":")
    setting = f"python:{name}"
    with _loading(setting):
        found = getattr(import_module(module), attribute)
        model = found if isinstance(found, Embeddings) else found()
    if isinstance(model, EmbeddingModel):
        return model
    if not isinstance(model, Embeddings):
        raise ConfigurationError(
            f"{setting} is not a LangChain Embeddings object, nor does calling it give one."
        )
    return FunctionModel(setting, model.embed_documents, model.embed_query)


_KINDS: Final[dict[str, Callable[[str, str | None, str | None], EmbeddingModel]]] = {
    "fastembed": _fastembed,
    "sentence-transformers": _sentence_transformers,
    "openai": _openai,
    "ollama": _ollama,
    "python": _python,
}


@contextmanager
def _loading(setting: str) -> Iterator[None]:
    """Whatever a model's package raises on loading becomes one sentence about the setting."""
    try:
        yield
    except (ConfigurationError, StoreError):
        raise
    except Exception as error:
        raise EmbeddingError(
            f"The embedding model {setting} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _package(module: str, package: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise EmbeddingError(
            f"Embedding models of {package} need the package {package}.",
            hint=f"Install it: pip install {package}",
        ) from error


def _folder_mark(folder: Path) -> str:
    """Tells apart two models that lie in the same folder one after the other; empty for a name."""
    if not folder.is_dir():
        return ""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = "\n".join(f"{path.relative_to(folder)} {path.stat().st_size}" for path in files)
    return f":{fingerprint(listed.encode())[:8]}"


def to_matrix(
    rows: Any, model: str, number: int, dimensions: int | None = None
) -> "NDArray[np.float32]":
    """Checks what a model gave and makes a float32 matrix (n, d) of it.

    Args:
        rows: An array, or a sequence of arrays or of lists of numbers.
        model: Named in errors.
        number: How many rows there should be.
        dimensions: How many columns there should be; None takes what comes.

    Raises:
        EmbeddingError: The number of vectors, their length or a number in them is wrong.
    """
    if not isinstance(rows, np.ndarray):
        rows = list(rows)
    if len(rows) != number:
        raise EmbeddingError(f"The model {model} gave {len(rows)} vectors for {number} texts.")
    if number == 0:
        return np.empty((0, dimensions or 0), np.float32)
    lengths = {len(row) for row in rows}
    if dimensions is None:
        dimensions = len(rows[0])
    if lengths != {dimensions} or dimensions == 0:
        raise EmbeddingError(
            f"The model {model} gave vectors of {', '.join(map(str, sorted(lengths)))} dimensions "
            f"where it should give {dimensions or 'some'}."
        )
    try:
        matrix = np.asarray(rows, dtype=np.float32).reshape(number, dimensions)
    except (TypeError, ValueError) as error:
        raise EmbeddingError(
            f"The model {model} gave something else than numbers: {error}."
        ) from None
    if not np.isfinite(matrix).all():
        raise EmbeddingError(f"The model {model} gave a vector that is not finite.")
    return matrix
