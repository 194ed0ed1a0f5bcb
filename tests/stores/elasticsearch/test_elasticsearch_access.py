"""The way in: addresses, credentials, privileges, versions, and what is said where it is barred."""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch
from servers.elasticsearch.programs import free_ports
from servers.elasticsearch.server import ElasticsearchServer, Installation
from store_samples import DIMENSIONS, a_document, chunked, random_vectors

from documents.errors import ConfigurationError
from stores.base import DocumentIndex
from stores.elasticsearch.connection import Connection
from stores.elasticsearch.document_index import ElasticsearchDocumentIndex
from stores.elasticsearch.reindex import Reindexer
from stores.elasticsearch.target import Target, read_target
from stores.elasticsearch.vector_store import ElasticsearchVectorStore
from stores.errors import StoreAccessError, StoreError, StoreUnavailableError, StoreVersionError
from stores.opening import open_document_index
from stores.settings import load_store_settings

PAGE = Path(__file__).parents[3] / "docs" / "elasticsearch.md"
PASSWORD = "only-for-tests"


@pytest.fixture(scope="module")
def server(elasticsearch_installation: Installation) -> Iterator[ElasticsearchServer]:
    """A server with users and TLS."""
    with ElasticsearchServer(elasticsearch_installation, password=PASSWORD, tls=True) as server:
        yield server


@pytest.fixture(scope="module")
def admin(server: ElasticsearchServer) -> Iterator[Elasticsearch]:
    with Elasticsearch(
        server.url, basic_auth=("elastic", PASSWORD), ca_certs=str(server.certificate)
    ) as client:
        # The first user makes the index of all users, which takes a moment.
        client.security.put_user(username="first", password=PASSWORD, roles=[])
        client.cluster.health(wait_for_status="yellow", timeout="30s")
        yield client


class TestAddress:
    @pytest.mark.parametrize(
        ("address", "hosts"),
        [
            ("elasticsearch://search.example.com", ("https://search.example.com:9200",)),
            ("elasticsearch://localhost", ("http://localhost:9200",)),
            ("elasticsearch://127.0.0.1:9201", ("http://127.0.0.1:9201",)),
            ("elasticsearch://[::1]:9201", ("http://[::1]:9201",)),
            ("https://x.es.cloud", ("https://x.es.cloud:443",)),
            ("https://localhost:9200", ("https://localhost:9200",)),
            ("http://es:9200/behind/proxy/", ("http://es:9200/behind/proxy",)),
            ("elasticsearch://a:1,b:2", ("https://a:1", "https://b:2")),
        ],
    )
    def test_its_forms(self, address: str, hosts: tuple[str, ...]) -> None:
        assert read_target(address).hosts == hosts

    def test_credentials_come_from_the_address_or_the_settings(self) -> None:
        target = read_target("elasticsearch://ann:p%40ss@es")
        assert (target.user, target.password) == ("ann", "p@ss")
        target = read_target("elasticsearch://ann@es", password="secret")
        assert (target.user, target.password) == ("ann", "secret")
        target = read_target("elasticsearch://ann:own@es", api_key="k")
        assert (target.user, target.api_key) == ("ann", None)
        target = read_target("elasticsearch://es", user="ann", password="secret", api_key="k")
        assert (target.user, target.api_key) == (None, "k")
        assert read_target("elasticsearch://es?api_key=k2", api_key="k").api_key == "k2"
        assert read_target("elasticsearch://", cloud_id="acme:abc").cloud_id == "acme:abc"
        assert read_target("elasticsearch://es", cloud_id="acme:abc").cloud_id is None

    @pytest.mark.parametrize(
        ("address", "told"),
        [
            ("elasticsearch://", "no host and no cloud_id"),
            ("elasticsearch://es:port", "'es:port' is no host"),
            ("elasticsearch://ann@es", "no password for the user ann"),
            ("elasticsearch://es?prefx=a", "no parameter 'prefx'"),
            ("elasticsearch://es?prefix=Acme", "prefix 'Acme'"),
            ("elasticsearch://es?shards=0", "shards is '0'"),
            ("elasticsearch://es?compress=yes", "compress is 'yes'"),
            ("elasticsearch://es?ca_certs=/nowhere/ca.pem", "/nowhere/ca.pem"),
        ],
    )
    def test_a_wrong_one_is_told_in_a_sentence(self, address: str, told: str) -> None:
        with pytest.raises(ConfigurationError, match=re.escape(told)) as refused:
            read_target(address)
        assert refused.value.hint

    def test_no_secret_is_ever_shown(self) -> None:
        address = "elasticsearch://ann:sesame1@es?api_key=sesame2"
        target = read_target(address, api_key="sesame3")
        assert "sesame" not in repr(target) + target.name
        settings = load_store_settings(
            document_index=address, elasticsearch_api_key="sesame3", elasticsearch_password="s4"
        )
        assert "sesame" not in repr(settings) + repr(settings.document_index_location)
        assert set(settings.secrets()) >= {"sesame1", "sesame2", "sesame3"}


class TestUnreachable:
    def test_a_port_where_nothing_listens(self) -> None:
        (port,) = free_ports(1)
        with pytest.raises(StoreUnavailableError, match="cannot be reached: Connection refused"):
            opened(f"http://127.0.0.1:{port}")

    def test_a_host_that_does_not_exist(self) -> None:
        with pytest.raises(
            StoreUnavailableError, match="cannot be reached: Name or service"
        ) as told:
            opened("http://no-such-host.invalid:9200")
        assert "Check the address" in told.value.hint

    def test_something_else_that_speaks_http(self) -> None:
        with answering(200, b"<html>Hello</html>", product=False, kind="text/html") as url:  # noqa: SIM117
            with pytest.raises(StoreError, match="not Elasticsearch"):
                opened(url)
        with answering(404, b"nothing here", product=False, kind="text/plain") as url:  # noqa: SIM117
            with pytest.raises(StoreError, match="not Elasticsearch"):
                opened(url)

    def test_a_version_too_old(self) -> None:
        told = {"version": {"number": "8.11.3", "build_flavor": "default"}}
        with (
            answering(200, orjson.dumps(told)) as url,
            pytest.raises(StoreVersionError, match=r"is 8.11.3; 8.19 or newer is needed"),
        ):
            opened(url)

    def test_serverless_has_a_version_of_its_own(self) -> None:
        told = {"version": {"number": "8.11.0", "build_flavor": "serverless"}}
        with answering(200, orjson.dumps(told)) as url:
            connection = opened(url)
            assert connection.serverless
            assert connection.packs_vectors
            connection.close()


@pytest.mark.slow
@pytest.mark.xdist_group("elasticsearch-access")
@pytest.mark.usefixtures("admin")
class TestSecured:
    @pytest.fixture
    def open_as(
        self, server: ElasticsearchServer, admin: Elasticsearch
    ) -> Iterator[Callable[..., Connection]]:
        """Opens a connection as a user with a role; the role's names get the test's prefix."""
        connections: list[Connection] = []

        def open_as(role: dict[str, Any] | None, prefix: str = "data-getters") -> Connection:
            if role is not None:
                admin.security.put_role(name="tried", **role)
                admin.security.put_user(username="ann", password=PASSWORD, roles=["tried"])
            address = server.url.replace("https://", f"https://ann:{PASSWORD}@")
            options = f"?ca_certs={server.certificate}&patience=5&prefix={prefix}"
            connections.append(Connection.open(read_target(address + options)))
            return connections[-1]

        yield open_as
        for connection in connections:
            connection.close()

    def test_a_wrong_password(self, server: ElasticsearchServer) -> None:
        address = server.url.replace("https://", "https://elastic:sesame-open@")
        with pytest.raises(StoreAccessError, match="does not accept the credential") as told:
            opened(f"{address}?ca_certs={server.certificate}")
        assert "sesame" not in told.value.sentence() + repr(told.value.__cause__)

    def test_a_wrong_api_key(self, server: ElasticsearchServer) -> None:
        with pytest.raises(StoreAccessError, match="does not accept the credential"):
            opened(f"{server.url}?ca_certs={server.certificate}&api_key=c2VzYW1lOm9wZW4=")

    def test_no_credential_at_all(self, server: ElasticsearchServer) -> None:
        with pytest.raises(StoreAccessError, match="does not accept the credential"):
            opened(f"{server.url}?ca_certs={server.certificate}")

    def test_a_certificate_that_is_not_trusted(self, server: ElasticsearchServer) -> None:
        with pytest.raises(StoreError, match=r"certificate .* is not trusted") as told:
            opened(server.url.replace("https://", f"https://elastic:{PASSWORD}@"))
        assert "ca_certs" in told.value.hint

    def test_a_server_with_tls_asked_without(self, server: ElasticsearchServer) -> None:
        with pytest.raises(StoreError, match="cannot be reached"):
            opened(server.url.replace("https://", "http://"))

    def test_an_api_key_of_the_settings(
        self, server: ElasticsearchServer, admin: Elasticsearch
    ) -> None:
        key = admin.security.create_api_key(name="k", role_descriptors={"r": documented("role")})
        index: DocumentIndex = open_document_index(
            load_store_settings(
                document_index=server.url,
                elasticsearch_api_key=key["encoded"],
                elasticsearch_ca_certs=server.certificate,
            )
        )
        assert index.write([a_document("1")]) == []
        index.close()

    def test_the_role_of_the_documentation_is_enough_for_everything(
        self, open_as: Callable[..., Connection]
    ) -> None:
        connection = open_as(documented("role"))
        index = ElasticsearchDocumentIndex(connection)
        vectors = ElasticsearchVectorStore(connection)
        vectors.bind("model-a", DIMENSIONS)
        documents = [a_document(str(i), f"fox {i}") for i in range(20)]
        assert index.write(documents) == []
        batch = [chunked(d, random_vectors(2, seed=i)) for i, d in enumerate(documents)]
        assert vectors.write(batch) == []
        index.update_access({documents[0].id or "": ["user:ann@x.com"]})
        vectors.update_access({documents[0].id or "": ["user:ann@x.com"]})
        index.delete([documents[1].id or ""])
        vectors.delete([documents[1].id or ""])
        reindexer = Reindexer(connection)
        for state in reindexer.states():
            reindexer.reindex(state.schema)
        reindexer.drop_old()
        with vectors.rebuilding("model-a", DIMENSIONS) as fresh:
            assert fresh.write(batch[2:]) == []
        reindexer.drop_old()
        index.maintain()
        vectors.maintain()
        assert (len(list(index.iterate())), index.count(), vectors.count()) == (19, 19, 36)
        assert len(index.search("fox", limit=50)) == 19
        assert len(vectors.search(random_vectors(1)[0], limit=50)) == 36

    def test_the_role_of_the_documentation_for_searching_is_enough_and_writes_nothing(
        self, open_as: Callable[..., Connection]
    ) -> None:
        writer = open_as(documented("role"))
        ElasticsearchDocumentIndex(writer).write([a_document("1")])
        store = ElasticsearchVectorStore(writer)
        store.bind("model-a", DIMENSIONS)
        store.write([chunked(a_document("1"), random_vectors(1))])
        ElasticsearchDocumentIndex(writer).maintain()
        store.maintain()
        connection = open_as(documented("searching-role"))
        index = ElasticsearchDocumentIndex(connection)
        assert index.search("fox", limit=5)
        assert index.get(["slack:T1:message:1"])
        assert list(index.iterate())
        vectors = ElasticsearchVectorStore(connection)
        vectors.bind("model-a", DIMENSIONS)
        assert vectors.search(random_vectors(1)[0], limit=5)
        with pytest.raises(StoreAccessError, match="does not allow"):
            index.write([a_document("2")])

    def test_no_privilege_on_an_index_is_told_with_the_privilege(
        self, open_as: Callable[..., Connection]
    ) -> None:
        connection = open_as(documented("role"), prefix="another-prefix")
        with pytest.raises(StoreAccessError, match="another-prefix-documents-slack") as told:
            ElasticsearchDocumentIndex(connection).write([a_document("1")])
        assert "privilege" in str(told.value)
        assert PASSWORD not in told.value.sentence()
        assert "docs/elasticsearch.md" in told.value.hint

    def test_a_user_who_may_write_but_make_no_index(
        self, open_as: Callable[..., Connection]
    ) -> None:
        role = documented("role")
        role["cluster"] = ["monitor"]
        connection = open_as(role, prefix="data-getters-fresh")
        with pytest.raises(StoreAccessError, match="manage_index_templates"):
            ElasticsearchDocumentIndex(connection).write([a_document("1")])


def opened(address: str) -> Connection:
    return Connection.open(read_target(address))


def documented(name: str) -> dict[str, Any]:
    """A role as the documentation shows it."""
    found = re.search(rf"```json {name}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found, f"{PAGE} shows no {name}"
    role: dict[str, Any] = orjson.loads(found[1])
    return role


class answering:  # noqa: N801 - reads as a word where it is used
    """A server that gives one answer to everything."""

    def __init__(
        self, status: int, body: bytes, *, product: bool = True, kind: str = "application/json"
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                if product:
                    self.send_header("X-Elastic-Product", "Elasticsearch")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def test_a_target_says_nothing_of_its_secrets() -> None:
    assert "secret" not in repr(Target(hosts=("http://es:9200",), user="ann", password="secret"))


def test_a_missing_client_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.split(".")[0] == "elasticsearch" or name.startswith("stores.elasticsearch"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "elasticsearch", None)
    with pytest.raises(ConfigurationError, match="elasticsearch is not installed") as told:
        open_document_index(load_store_settings(document_index="elasticsearch://es"))
    assert "prefect-data-getters[elasticsearch]" in told.value.hint
