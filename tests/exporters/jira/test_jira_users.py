"""The people of a Jira are documents too: what a colleague sees who looks somebody up."""

import pytest
from jira_samples import MakeExporter, documents, sync, sync_all

from sandbox.faults import Fault
from sandbox.jira.server import JiraSandbox
from sandbox.jira.site import Site
from tasks.stores import Stores


@pytest.fixture
def people(site: Site) -> dict[str, str]:
    """Ids by name; one hides the address, one left, one is an app, one a customer of a portal."""
    site.add_person("dina", "Dina Roth", email_visible=False, groups=["jira-users"])
    site.add_person("robot", "Release robot", account_type="app")
    site.add_person("carl", "Carl Customer", account_type="customer")
    site.set_person("bob", active=False)
    return {name: site.person(name).account_id for name in ("ada", "bob", "dina", "robot", "carl")}


def test_people_are_told_as_colleagues_see_them(
    jira: JiraSandbox, people: dict[str, str], exporter_of: MakeExporter, stores: Stores
) -> None:
    sync(exporter_of(jira), stores, "first")
    told = documents(stores, "user")
    ada = told[people["ada"]]
    assert ada.metadata["title"] == "Ada Byron"
    assert ada.metadata["extra"]["email"] == "ada@acme.example"
    assert ada.metadata["access"] == [f"workspace:{ada.metadata['connection']}"]
    assert ada.metadata["extra"]["not_embedded"] is True
    bob = told[people["bob"]]
    assert bob.metadata["extra"]["active"] is False
    assert "deactivated" in bob.page_content
    dina = told[people["dina"]]
    assert "email" not in dina.metadata["extra"]
    assert "dina@" not in dina.page_content
    assert not {people["robot"], people["carl"]} & told.keys()


def test_only_who_has_access_to_the_site_finds_them(
    jira: JiraSandbox, people: dict[str, str], exporter_of: MakeExporter, stores: Stores
) -> None:
    sync(exporter_of(jira), stores, "first")
    access = set(documents(stores, "user")[people["ada"]].metadata["access"])
    assert access & stores.ledger.principals_of("cleo@acme.example")
    assert not access & stores.ledger.principals_of("stranger@elsewhere.example")


def test_a_list_of_people_that_cannot_be_read_deletes_nobody(
    jira: JiraSandbox, people: dict[str, str], exporter_of: MakeExporter, stores: Stores
) -> None:
    sync(exporter_of(jira), stores, "first")
    before = documents(stores, "user").keys()
    refused = {"errorMessages": ["You do not have permission to browse users."], "errors": {}}
    jira.faults.add(Fault("answer", "users/search", status=403, times=None, body=refused))
    sync_all(exporter_of(jira), stores, "refused", fresh=True, max_delete_percent=100)
    assert documents(stores, "user").keys() == before
    assert people["ada"] in before
