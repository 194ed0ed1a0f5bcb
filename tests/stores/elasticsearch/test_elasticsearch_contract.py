"""Elasticsearch keeps the contracts of document index and vector store."""

from pathlib import Path

import pytest
from contract_document_index import DocumentIndexContract
from contract_vector_store import VectorStoreContract

from stores.base import DocumentIndex, VectorStore
from stores.elasticsearch.document_index import ElasticsearchDocumentIndex
from stores.elasticsearch.vector_store import ElasticsearchVectorStore
from stores.opening import open_document_index, open_vector_store
from stores.settings import load_store_settings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("elasticsearch")]


class TestElasticsearchDocumentIndex(DocumentIndexContract):
    @pytest.fixture(autouse=True)
    def _server(self, store_url: str) -> None:
        self.url = store_url

    def open_index(self, folder: Path) -> DocumentIndex:
        return open_document_index(load_store_settings(document_index=self.url))

    def settle(self, index: DocumentIndex) -> None:
        assert isinstance(index, ElasticsearchDocumentIndex)
        index.maintain()


class TestElasticsearchVectorStore(VectorStoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, store_url: str) -> None:
        self.url = store_url

    def open_store(self, folder: Path) -> VectorStore:
        return open_vector_store(load_store_settings(vector_store=self.url))

    def settle(self, store: VectorStore) -> None:
        assert isinstance(store, ElasticsearchVectorStore)
        store.maintain()
