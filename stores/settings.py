"""Where the stores are and how they are used: typed, from arguments, environment or file.

Where a value comes from, and what is said of a wrong one: see `documents.settings`. The section is
`stores`, so a variable is `DATA_GETTERS_STORES__<FIELD>`, and in the file:

```toml
[stores]
data_directory = "/var/lib/data-getters"
embedding_model = "ollama:nomic-embed-text"
```
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from platformdirs import user_data_path
from pydantic import Field, SecretStr, field_validator, model_validator

from documents.errors import ConfigurationError
from documents.settings import (
    DefaultText,
    SettingDescription,
    Settings,
    Unit,
    describe_settings,
    load_settings,
)
from stores.fusion import parse_fusion

SECTION: Final = "stores"
EMBEDDED_FILE: Final = "store.db"
RAW_FOLDER: Final = "raw"

DOCUMENT_INDEXES: Final[dict[str, str]] = {
    "sqlite": "stores.sqlite.opening:document_index",
    "elasticsearch": "stores.elasticsearch.opening:document_index",
    "https": "stores.elasticsearch.opening:document_index",
    "http": "stores.elasticsearch.opening:document_index",
}
"""What opens a document index, by the scheme of its URL: `module:function`, called with a
`StoreLocation.address` and the settings. Another implementation adds its line here."""

VECTOR_STORES: Final[dict[str, str]] = {
    "sqlite": "stores.sqlite.opening:vector_store",
    "elasticsearch": "stores.elasticsearch.opening:vector_store",
    "https": "stores.elasticsearch.opening:vector_store",
    "http": "stores.elasticsearch.opening:vector_store",
}
"""The same for vector stores."""

QUEUES: Final[dict[str, str]] = {
    "amqp": "stores.queue.rabbitmq:RabbitMQQueue",
    "amqps": "stores.queue.rabbitmq:RabbitMQQueue",
}
"""The same for job queues, called with the URL, the ledger and a `RetryPolicy`."""


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """Where a store is.

    Attributes:
        scheme: `sqlite` for a path; otherwise what stands before `://`.
        address: The absolute path of the file, or the whole URL. May hold a password.
    """

    scheme: str
    address: str

    def __repr__(self) -> str:
        return f"StoreLocation(scheme={self.scheme!r})"


def parse_location(text: str) -> StoreLocation:
    """Reads a path or a URL.

    `sqlite:///a.db` is relative to the working directory and `sqlite:////a.db` absolute, as
    SQLAlchemy has it.

    Raises:
        ValueError: The text is empty, or a `sqlite` URL without a file.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        scheme, rest = "sqlite", f"/{scheme}"
    scheme = scheme.lower()
    if scheme != "sqlite":
        return StoreLocation(scheme, text.strip())
    if len(rest) < 2 or not rest.startswith("/"):
        raise ValueError("a path, or a URL such as sqlite:///store.db")
    return StoreLocation(scheme, str(Path(rest[1:]).expanduser().absolute()))


class StoreSettings(Settings):
    """Settings of the stores. Immutable; made by `load_store_settings`."""

    data_directory: Annotated[
        Path, DefaultText("the user's folder for data, such as ~/.local/share/data-getters")
    ] = Field(
        default_factory=lambda: user_data_path("data-getters", appauthor=False),
        description="Where everything lies that is not said to lie elsewhere.",
    )
    document_index: str = Field(
        default="",
        repr=False,
        description="Path or URL (elasticsearch://host:9200) of the document index; empty for the "
        "embedded file.",
    )
    vector_store: str = Field(
        default="",
        repr=False,
        description="Path or URL (elasticsearch://host:9200) of the vector store; empty for the "
        "embedded file.",
    )
    ledger: str = Field(
        default="",
        repr=False,
        description="Path or SQLAlchemy URL of the ledger; empty for the embedded file.",
    )
    raw: str = Field(
        default="",
        repr=False,
        description="Folder or URL (s3://...) of the raw landing; empty for one beside the file.",
    )
    queue: str = Field(
        default="",
        repr=False,
        description="URL (amqp://user:password@host:5672/vhost) of the RabbitMQ server that hands "
        "out jobs; empty for the ledger itself.",
    )
    job_attempts: Annotated[int, Field(ge=1, le=100), Unit("attempts")] = Field(
        default=5, description="Attempts of a job before it is given up as dead."
    )
    job_retry_seconds: Annotated[float, Field(ge=0, le=3_600), Unit("seconds")] = Field(
        default=10.0,
        description="Wait before the second attempt of a job; each further one is twice as long.",
    )
    elasticsearch_user: str | None = Field(
        default=None, description="User of Elasticsearch, where the URL names none."
    )
    elasticsearch_password: SecretStr | None = Field(
        default=None, description="Password of that user."
    )
    elasticsearch_api_key: SecretStr | None = Field(
        default=None, description="API key of Elasticsearch, instead of user and password."
    )
    elasticsearch_ca_certs: Path | None = Field(
        default=None,
        description="PEM file with the certificate authority of Elasticsearch, where it is not a "
        "public one.",
    )
    elasticsearch_cloud_id: str | None = Field(
        default=None, description="Elastic Cloud id, for a URL without a host (elasticsearch://)."
    )
    embedding_model: str = Field(
        default="wordllama",
        min_length=1,
        description="wordllama, none, fastembed:<model>, sentence-transformers:<name or folder>, "
        "openai:<model>, ollama:<model> or python:<module>:<attribute>.",
    )
    embedding_url: str | None = Field(
        default=None,
        description="Base URL of the embedding server, where it is not the usual one.",
    )
    embedding_api_key: SecretStr | None = Field(
        default=None, description="Key of the embedding server; OPENAI_API_KEY where not given."
    )
    fusion: str = Field(
        default="",
        description="How words and vectors become one ranking: rrf, rrf:<k>, linear:<weight> or "
        "linear:<weight>:<minmax or max>; empty for what measured best with the model.",
    )
    candidates: Annotated[int, Field(ge=1, le=10_000), Unit("documents")] = Field(
        default=100, description="Documents that each of words and vectors brings to a search."
    )
    document_characters: Annotated[int, Field(ge=1_000), Unit("characters")] = Field(
        default=1_000_000, description="Text kept of one document; the rest is cut."
    )
    chunk_characters: Annotated[int, Field(ge=100, le=100_000), Unit("characters")] = Field(
        default=1_500, description="Length of a chunk that is embedded."
    )
    chunk_overlap: Annotated[int, Field(ge=0), Unit("characters")] = Field(
        default=150, description="Characters that a chunk shares with the one before it."
    )

    @property
    def embedded_file(self) -> Path:
        """The file of the embedded stores."""
        return self.data_directory / EMBEDDED_FILE

    @property
    def document_index_location(self) -> StoreLocation:
        """Where the document index is."""
        return parse_location(self.document_index or str(self.embedded_file))

    @property
    def vector_store_location(self) -> StoreLocation:
        """Where the vector store is."""
        return parse_location(self.vector_store or str(self.embedded_file))

    @property
    def ledger_location(self) -> StoreLocation:
        """Where the ledger is; a scheme other than `sqlite` is SQLAlchemy's."""
        return parse_location(self.ledger or str(self.embedded_file))

    @property
    def raw_url(self) -> str:
        """Where the raw landing is: a folder, or a URL of a `pyarrow.fs` file system."""
        return self.raw or str(self.data_directory / RAW_FOLDER)

    def secrets(self) -> list[str]:
        """Every secret of these settings, for whoever keeps them out of logs and errors."""
        held = (self.elasticsearch_password, self.elasticsearch_api_key, self.embedding_api_key)
        secrets = [secret.get_secret_value() for secret in held if secret is not None]
        for address in (
            self.document_index,
            self.vector_store,
            self.ledger,
            self.raw,
            self.queue,
        ):
            if "://" in address:
                secrets += secrets_of(address)
        return secrets

    @field_validator("data_directory")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("document_index", "vector_store", "ledger")
    @classmethod
    def _check_location(cls, text: str) -> str:
        if text:
            parse_location(text)
        return text

    @field_validator("document_index")
    @classmethod
    def _known_index(cls, text: str) -> str:
        return _with_known_scheme(text, DOCUMENT_INDEXES)

    @field_validator("vector_store")
    @classmethod
    def _known_vectors(cls, text: str) -> str:
        return _with_known_scheme(text, VECTOR_STORES)

    @field_validator("queue")
    @classmethod
    def _known_queue(cls, text: str) -> str:
        scheme = text.strip().partition("://")[0].lower()
        if text and scheme not in QUEUES:
            raise ValueError("empty, or a URL such as amqp://user:password@host:5672/vhost")
        return text.strip()

    @field_validator("embedding_url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("an address that begins with https:// or http://")
        return url or None

    @field_validator("fusion")
    @classmethod
    def _check_fusion(cls, text: str) -> str:
        if text:
            try:
                parse_fusion(text)
            except ConfigurationError as error:
                raise ValueError(error.hint.removeprefix("Known are ")) from None
        return text

    @model_validator(mode="after")
    def _check_overlap(self) -> Self:
        if self.chunk_overlap * 2 > self.chunk_characters:
            raise ValueError("chunk_overlap is more than half of chunk_characters")
        return self


def secrets_of(address: str) -> list[str]:
    """The password and the API key in a URL, if it holds them."""
    try:
        url = urlsplit(address)
        password = url.password
    except ValueError:
        return []
    keys = [value for name, value in parse_qsl(url.query) if name in {"api_key", "password"}]
    return [*([unquote(password)] if password else []), *keys]


def load_store_settings(*, config_file: Path | None = None, **explicit: Any) -> StoreSettings:
    """Reads the settings of the stores.

    Args:
        config_file: The TOML file, instead of the one found by the usual rules.
        explicit: Values that win over everything else. None counts as not given.

    Raises:
        ConfigurationError: A value makes no sense, a key is unknown, or the file cannot be read.
    """
    return load_settings(StoreSettings, SECTION, explicit, config_file=config_file)


def describe_store_settings() -> list[SettingDescription]:
    """Every setting of the stores, for the generated documentation."""
    return describe_settings(StoreSettings, SECTION)


def _with_known_scheme(text: str, table: Mapping[str, str]) -> str:
    if text and (scheme := parse_location(text).scheme) not in table:
        raise ValueError(f"a path, or a URL of {', '.join(table)}; not of {scheme}")
    return text
