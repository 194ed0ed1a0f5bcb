"""Embedding models, chosen by one setting.

| setting | model | needs |
|---|---|---|
| `wordllama` | WordLlama, 256 dimensions, no network (the default) | |
| `none` | no vectors: search by words alone | |
| `fastembed:<model>` | an ONNX model | `pip install fastembed` |
| `sentence-transformers:<name or folder>` | any sentence-transformers model | that package |
| `openai:<model>` | OpenAI, or any server that speaks its API (`base_url`) | |
| `ollama:<model>` | a model of an Ollama server (`base_url`) | |
| `cohere:<model>`, `mistral:`, `google:`, `voyage:`, `bedrock:`, `huggingface:` | that vendor's | \
its LangChain package |
| `langchain:<module>:<class>` | any LangChain `Embeddings` class, made with the options | |
| `python:<module>:<attribute>` | a LangChain `Embeddings` object, its class or a function | |

Every model is a LangChain `Embeddings` and gives a float32 matrix at once besides, because lists of
Python numbers are ten times the size and most of the work. Models behind an API are asked by
`stores.embedding_requests`.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import orjson
from langchain_core.embeddings import Embeddings

from documents.errors import ConfigurationError
from documents.fingerprints import fingerprint
from stores.embedding_requests import RequestedModel, RequestLimits
from stores.errors import EmbeddingError, StoreError
from stores.settings import is_secret_option, secret_options

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_MODEL: Final = "none"

_MODEL_BATCH: Final = 32
"""Texts that fastembed reads at once, as sentence-transformers does. Its own 256 of 512 tokens each
took more than 20 GB of memory."""

_NOT_IN_VECTORS: Final = re.compile(
    r"timeout|retries|url|base|host|endpoint|region|proxy|headers|batch|chunk_size|threads|cache|"
    r"progress|path|parallel|providers|device|cuda|user|organization|verify",
    re.I,
)
"""Options that say where and how a model is asked, not what it makes of a text."""


class EmbeddingModel(Embeddings):
    """A LangChain `Embeddings` that gives matrices and says which model it is.

    Attributes:
        identity: Names everything that changes the vectors: the key of caches and of
            `VectorStore.bind`.
        dimensions: Length of a vector.
        split_texts: How many texts were longer than the model takes, and were split.
    """

    split_texts = 0

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
        self.split_texts = getattr(self._embed, "split", 0)
        return to_matrix(rows, self.identity, len(texts), self.dimensions)

    def embed_question(self, text: str) -> "NDArray[np.float32]":
        """See `EmbeddingModel.embed_question`."""
        row = self._embed_question(text)
        return np.asarray(to_matrix([row], self.identity, 1, self.dimensions)[0])


@dataclass(frozen=True, slots=True)
class _Given:
    """What goes with the name of a model."""

    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    limits: RequestLimits = field(default_factory=RequestLimits)

    def mark(self) -> str:
        """Tells apart two models of one name that its options make different ones."""
        telling = {
            name: value
            for name, value in self.options.items()
            if not is_secret_option(name) and not _NOT_IN_VECTORS.search(name)
        }
        if not telling:
            return ""
        listed = orjson.dumps(telling, option=orjson.OPT_SORT_KEYS, default=str)
        return f"#{fingerprint(listed)[:8]}"

    def clean(self, text: str) -> str:
        """A text without the secrets that were given."""
        for secret in [self.api_key or "", *secret_options(self.options)]:
            if len(secret) > 3:
                text = text.replace(secret, "***")
        return text

    def model(
        self,
        identity: str,
        embed: Callable[[list[str]], Any],
        embed_question: Callable[[str], Any] | None = None,
        *,
        where: str = "",
    ) -> FunctionModel:
        """A model that is asked within its limits."""
        asked = RequestedModel(identity, embed, self.limits, where=where, clean=self.clean)
        if embed_question is None:
            return FunctionModel(identity, asked, lambda text: asked([text])[0])
        ask = embed_question
        question = RequestedModel(
            identity, lambda texts: list(map(ask, texts)), self.limits, clean=self.clean
        )
        return FunctionModel(identity, asked, lambda text: question([text])[0])


def load_embeddings(
    setting: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    options: Mapping[str, Any] | None = None,
    limits: RequestLimits | None = None,
) -> EmbeddingModel | None:
    """The model a setting names; see the table at the top of this module.

    Args:
        setting: Kind and name of the model.
        base_url: Where an `openai` or `ollama` server is; None takes the usual place.
        api_key: For a vendor's model; None takes the vendor's own environment variable, such as
            `OPENAI_API_KEY`.
        options: Keyword arguments of the model's class, or fields of each request.
        limits: How much is asked of a model at once.

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
    given = _Given(base_url, api_key, options or {}, limits or RequestLimits())
    if kind in _VENDORS and name:
        return _vendor(kind, name, given)
    if kind not in _KINDS or not name:
        raise ConfigurationError(
            f"{setting!r} names no embedding model.",
            hint="Known are wordllama, none, fastembed:<model>, sentence-transformers:<name>, "
            f"openai:<model>, ollama:<model>, {', '.join(f'{v}:<model>' for v in _VENDORS)}, "
            "langchain:<module>:<class> and python:<module>:<attribute>.",
        )
    return _KINDS[kind](name, given)


def _fastembed(name: str, given: _Given) -> EmbeddingModel:
    with _loading(f"fastembed:{name}", given):
        model = _package("fastembed", "fastembed").TextEmbedding(model_name=name, **given.options)
    folder = given.options.get("specific_model_path")
    mark = _folder_mark(Path(folder)) if folder else ""
    return FunctionModel(
        f"fastembed:{name}{mark}{given.mark()}",
        lambda texts: list(model.embed(texts, batch_size=_MODEL_BATCH)),
        lambda text: next(iter(model.query_embed(text))),
    )


def _sentence_transformers(name: str, given: _Given) -> EmbeddingModel:
    package = _package("sentence_transformers", "sentence-transformers")
    with _loading(f"sentence-transformers:{name}", given):
        model = package.SentenceTransformer(name, **given.options)
    # From version 5 on a model reads texts and questions each in its own way.
    read = getattr(model, "encode_document", model.encode)
    ask = getattr(model, "encode_query", model.encode)
    return FunctionModel(
        f"sentence-transformers:{name}{_folder_mark(Path(name))}{given.mark()}",
        lambda texts: read(texts, show_progress_bar=False),
        lambda text: ask([text], show_progress_bar=False)[0],
    )


def _openai(name: str, given: _Given) -> EmbeddingModel:
    server = import_module("stores.embedding_servers").OpenAIServer(
        name, given.base_url, given.api_key, given.options
    )
    return given.model(f"{server.identity}{given.mark()}", server.embed, where=f" at {server.url}")


def _ollama(name: str, given: _Given) -> EmbeddingModel:
    server = import_module("stores.embedding_servers").OllamaServer(
        name, given.base_url, given.options
    )
    return given.model(f"{server.identity}{given.mark()}", server.embed, where=f" at {server.url}")


def _python(name: str, given: _Given) -> EmbeddingModel:
    module, _, attribute = name.partition(":")
    setting = f"python:{name}"
    with _loading(setting, given):
        found = getattr(import_module(module), attribute)
        model = found if isinstance(found, Embeddings) else found(**given.options)
    return _of_langchain(f"{setting}{given.mark()}", model, given)


def _langchain(name: str, given: _Given) -> EmbeddingModel:
    module, _, attribute = name.partition(":")
    setting = f"langchain:{name}"
    with _loading(setting, given):
        model = getattr(import_module(module), attribute)(**given.options)
    return _of_langchain(f"{setting}{given.mark()}", model, given)


def _of_langchain(identity: str, model: object, given: _Given) -> EmbeddingModel:
    if isinstance(model, EmbeddingModel):
        return model
    if not isinstance(model, Embeddings):
        raise ConfigurationError(
            f"{identity} is not a LangChain Embeddings object, nor does calling it give one."
        )
    return given.model(identity, model.embed_documents, model.embed_query)


@dataclass(frozen=True, slots=True)
class _Vendor:
    """A vendor's LangChain class, and what it calls the model and the key."""

    module: str
    attribute: str
    model: str = "model"
    key: str = "api_key"


_VENDORS: Final[dict[str, _Vendor]] = {
    "cohere": _Vendor("langchain_cohere", "CohereEmbeddings", key="cohere_api_key"),
    "mistral": _Vendor("langchain_mistralai", "MistralAIEmbeddings"),
    "google": _Vendor("langchain_google_genai", "GoogleGenerativeAIEmbeddings"),
    "voyage": _Vendor("langchain_voyageai", "VoyageAIEmbeddings"),
    "bedrock": _Vendor("langchain_aws", "BedrockEmbeddings", model="model_id", key=""),
    "huggingface": _Vendor("langchain_huggingface", "HuggingFaceEmbeddings", key=""),
}


def _vendor(kind: str, name: str, given: _Given) -> EmbeddingModel:
    vendor = _VENDORS[kind]
    package = _package(vendor.module, vendor.module.replace("_", "-"))
    arguments = {vendor.model: name, **given.options}
    if given.api_key and vendor.key:
        arguments.setdefault(vendor.key, given.api_key)
    with _loading(f"{kind}:{name}", given):
        model = getattr(package, vendor.attribute)(**arguments)
    return _of_langchain(f"{kind}:{name}{given.mark()}", model, given)


_KINDS: Final[dict[str, Callable[[str, _Given], EmbeddingModel]]] = {
    "fastembed": _fastembed,
    "sentence-transformers": _sentence_transformers,
    "openai": _openai,
    "ollama": _ollama,
    "langchain": _langchain,
    "python": _python,
}


@contextmanager
def _loading(setting: str, given: _Given) -> Iterator[None]:
    """Whatever a model's package raises on loading becomes one sentence about the setting."""
    try:
        yield
    except (ConfigurationError, StoreError):
        raise
    except Exception as error:
        told = given.clean(f"{type(error).__name__}: {error}")
        raise EmbeddingError(f"The embedding model {setting} cannot be loaded: {told}") from error


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
