"""What the tests on Elasticsearch share: a server, and stores of a test's own on it."""

import pytest

pytest.importorskip("elasticsearch", reason="the Elasticsearch client is not installed")

from servers.elasticsearch.fixture import (
    elasticsearch_client,
    elasticsearch_installation,
    elasticsearch_prefix,
    elasticsearch_url,
)

__all__ = [
    "elasticsearch_client",
    "elasticsearch_installation",
    "elasticsearch_prefix",
    "elasticsearch_url",
]


@pytest.fixture
def store_url(elasticsearch_url: str, elasticsearch_prefix: str) -> str:
    """The URL of stores of a test's own."""
    return f"{elasticsearch_url}?prefix={elasticsearch_prefix}&patience=20"
