"""The compose file: pinned, checked, without a password in it, and fitting the code.

It is not started here: no container engine runs where the tests do.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.prefect_file import load_file
from stores.elasticsearch.target import read_target
from stores.ledger.postgresql import SCHEMES
from stores.settings import load_store_settings

FOLDER = Path(__file__).parents[2] / "deployments"
SERVICES: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
WORKER: dict[str, str] = SERVICES["worker"]["environment"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_checked_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"worker"}))
def test_an_image_is_pinned_to_a_release(name: str) -> None:
    assert re.search(r":\d+\.\d+", SERVICES[name]["image"])


def test_prefect_is_the_release_that_is_installed() -> None:
    pinned = (FOLDER.parent / "requirements" / "runtime.txt").read_text()
    found = re.search(r"^prefect==(\S+)", pinned, re.MULTILINE)
    assert found
    assert f":{found[1]}-python" in SERVICES["prefect"]["image"]


def test_passwords_come_from_the_environment_and_must_be_set() -> None:
    text = (FOLDER / "compose.yaml").read_text()
    for name in ("ELASTIC_PASSWORD", "POSTGRES_PASSWORD"):
        assert f"{name}: ${{{name}:?" in text
        assert re.search(rf"^{name}=$", (FOLDER / "compose.env.example").read_text(), re.MULTILINE)
    for service in SERVICES.values():
        for variable, value in service["environment"].items():
            if re.search("PASSWORD|TOKEN|KEY", variable):
                assert re.fullmatch(r"\$\{\w+(:[?-].*)?\}", value), variable


def test_only_this_machine_reaches_the_ports() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_worker_waits_for_what_it_needs() -> None:
    assert {
        name: needed["condition"] for name, needed in SERVICES["worker"]["depends_on"].items()
    } == dict.fromkeys(("elasticsearch", "postgres", "prefect"), "service_healthy")


def test_the_worker_polls_the_pool_of_the_deployments() -> None:
    pools = {deployment.work_pool.name for deployment in load_file().deployments}
    (name,) = pools
    assert f'"--pool", "{name}"' in (FOLDER / "Dockerfile").read_text()


def test_the_stores_of_the_worker_are_the_services() -> None:
    prefix = "DATA_GETTERS_STORES__"
    fields = {n.removeprefix(prefix).lower(): v for n, v in WORKER.items() if n.startswith(prefix)}
    settings = load_store_settings(**fields)
    for address in (settings.document_index, settings.vector_store):
        assert read_target(address).hosts == ("http://elasticsearch:9200",)
    assert settings.elasticsearch_user == "elastic"
    assert settings.ledger.partition("://")[0] in SCHEMES
    assert "@postgres:5432/ledger" in settings.ledger


def test_no_password_file_goes_into_the_image_or_the_repository() -> None:
    assert "**/.env" in (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert ".env" in (FOLDER.parent / ".gitignore").read_text().splitlines()
