"""Opens the stores on Elasticsearch for the settings."""

from pydantic import SecretStr

from stores.elasticsearch.connection import Connection
from stores.elasticsearch.document_index import ElasticsearchDocumentIndex
from stores.elasticsearch.target import read_target
from stores.elasticsearch.vector_store import ElasticsearchVectorStore
from stores.settings import StoreSettings


def connection(address: str, settings: StoreSettings) -> Connection:
    """A connection to the server of an address, which has answered.

    Raises:
        ConfigurationError: The address makes no sense.
        StoreError: The server cannot be used.
    """
    return Connection.open(
        read_target(
            address,
            user=settings.elasticsearch_user,
            password=_plain(settings.elasticsearch_password),
            api_key=_plain(settings.elasticsearch_api_key),
            ca_certs=settings.elasticsearch_ca_certs,
            cloud_id=settings.elasticsearch_cloud_id,
        )
    )


def document_index(address: str, settings: StoreSettings) -> ElasticsearchDocumentIndex:
    """The document index on a server."""
    return ElasticsearchDocumentIndex(connection(address, settings))


def vector_store(address: str, settings: StoreSettings) -> ElasticsearchVectorStore:
    """The vector store on a server."""
    return ElasticsearchVectorStore(connection(address, settings))


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
