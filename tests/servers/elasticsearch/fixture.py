"""The test server as pytest fixtures; a ``conftest.py`` imports the ones its tests use.

    from servers.elasticsearch.fixture import elasticsearch_installation, elasticsearch_url

``elasticsearch_url`` is for tests that any server serves: with ``ELASTICSEARCH_URL`` set they run
against that one and nothing is installed. ``elasticsearch_installation`` is for tests that need a
server of their own, to limit, kill or restart it. Where neither is to be had the tests are skipped
with the reason.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from servers.elasticsearch.programs import require_runnable
from servers.elasticsearch.server import ElasticsearchServer, Installation, Unavailable, install

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

URL_VARIABLE = "ELASTICSEARCH_URL"

# Where the session's server is kept: several modules may import the fixture, one server serves all.
_SERVER = pytest.StashKey[ElasticsearchServer]()


@pytest.fixture(scope="session")
def elasticsearch_installation() -> Installation:
    """An installed server, for tests that start their own; put there on first use."""
    try:
        installation = install()
        require_runnable(installation)
    except Unavailable as reason:
        pytest.skip(f"{reason}, or set {URL_VARIABLE}")
    return installation


@pytest.fixture(scope="session")
def elasticsearch_url(request: pytest.FixtureRequest) -> str:
    """The address of a server for the whole session, without security unless it is a person's own.

    Tests share it: `elasticsearch_prefix` keeps their indices apart.
    """
    given = os.environ.get(URL_VARIABLE)
    if given:
        return given
    stash = request.config.stash
    if _SERVER not in stash:
        # Asked for only here, so that a given server needs no Java on this machine.
        installation: Installation = request.getfixturevalue("elasticsearch_installation")
        server = ElasticsearchServer(installation)
        request.config.add_cleanup(server.remove)
        server.start()
        stash[_SERVER] = server
    return stash[_SERVER].url


@pytest.fixture(scope="session")
def elasticsearch_client(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    """The official client for that server."""
    pytest.importorskip("elasticsearch", reason="the Elasticsearch client is not installed")
    from elasticsearch import Elasticsearch  # noqa: PLC0415 - the fixtures above do without

    with Elasticsearch(elasticsearch_url, request_timeout=60) as client:
        yield client


@pytest.fixture
def elasticsearch_prefix(elasticsearch_client: Elasticsearch) -> Iterator[str]:
    """What the names of a test's indices and templates begin with; they are deleted after it."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield prefix
    indices = elasticsearch_client.indices
    for index in list(indices.get(index=f"{prefix}*", expand_wildcards="all")):
        indices.put_settings(index=index, settings={"index.blocks.*": None})
        indices.delete(index=index)
    elasticsearch_client.options(ignore_status=404).indices.delete_index_template(name=f"{prefix}*")
