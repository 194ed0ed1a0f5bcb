"""Who finds which issue: the rules of permission schemes and security levels, and their changes."""

import pytest
from jira_samples import HandClock, MakeExporter, documents, found, sync, sync_all

from exporters.jira.circles import intersection
from exporters.jira.settings import JiraSelection
from sandbox.jira.catalogue import DEVELOPERS
from sandbox.jira.server import JiraSandbox
from sandbox.jira.site import Site
from sandbox.jira.tokens import READER_NAME, SYNC_NAME
from tasks.results import PartitionOutcome
from tasks.stores import Stores


@pytest.fixture
def vault(site: Site) -> str:
    """A project that only its developers read, among them the sync's account and Ada."""
    scheme = site.add_scheme("Developers only")
    site.grant(scheme, "BROWSE_PROJECTS", "projectRole", str(DEVELOPERS))
    site.add_project("VAULT", "Vault", lead="ada", scheme=scheme)
    for person in (SYNC_NAME, "ada"):
        site.add_role_actor("VAULT", DEVELOPERS, person=person)
    return "VAULT"


def with_level(site: Site, project: str, *holders: tuple[str, str]) -> int:
    """Gives a project a security level `Secret`, which the sync's account may read too."""
    scheme = site.add_security_scheme("Secrets")
    level = site.add_security_level(scheme, "Secret")
    for holder in (("user", SYNC_NAME), *holders):
        site.add_level_member(level, *holder)
    site.set_security_scheme(project, scheme)
    return level


def test_an_issue_is_found_by_who_may_browse_its_project_and_by_nobody_else(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, vault: str
) -> None:
    jira.site.create_issue("TEA", "Open kettle", reporter="bob")
    jira.site.create_issue(vault, "Closed kettle", reporter="bob")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "kettle", "ada") == {"TEA-1 Open kettle", "VAULT-1 Closed kettle"}
    assert found(stores, "kettle", "bob") == {"TEA-1 Open kettle"}
    assert found(stores, "kettle", "stranger") == set()


def test_a_right_that_is_taken_away_is_gone_with_the_next_sync_and_touches_no_document(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, vault: str, clock: HandClock
) -> None:
    jira.site.create_issue(vault, "Closed kettle", reporter="bob")
    sync(exporter_of(jira), stores, "first")
    jira.site.remove_role_actor(vault, DEVELOPERS, person="ada")
    jira.site.add_role_actor(vault, DEVELOPERS, person="cleo")
    clock.advance(60)
    counts = sync(exporter_of(jira), stores, "second")
    assert (counts.written, counts.access_changed) == (0, 0)
    assert found(stores, "kettle", "ada") == set()
    assert found(stores, "kettle", "cleo") == {"VAULT-1 Closed kettle"}


def test_who_joins_a_group_finds_what_the_group_reads(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, vault: str, clock: HandClock
) -> None:
    jira.site.add_group("guards")
    jira.site.add_role_actor(vault, DEVELOPERS, group="guards")
    jira.site.create_issue(vault, "Closed kettle", reporter="ada")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "kettle", "cleo") == set()
    jira.site.add_to_group("guards", "cleo")
    clock.advance(60)
    sync(exporter_of(jira), stores, "second")
    assert found(stores, "kettle", "cleo") == {"VAULT-1 Closed kettle"}


def test_a_security_level_lets_in_only_who_is_in_project_and_level(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, vault: str
) -> None:
    jira.site.add_role_actor(vault, DEVELOPERS, person="bob")
    with_level(jira.site, vault, ("user", "ada"), ("user", "cleo"))
    jira.site.create_issue(vault, "Secret kettle", reporter="bob", security="Secret")
    jira.site.create_issue(vault, "Plain kettle", reporter="bob")
    sync(exporter_of(jira), stores, "first")
    both = {"VAULT-1 Secret kettle", "VAULT-2 Plain kettle"}
    assert found(stores, "kettle", "ada") == both
    assert found(stores, "kettle", "bob") == {"VAULT-2 Plain kettle"}
    assert found(stores, "kettle", "cleo") == set()  # in the level, not in the project


def test_an_issue_that_gets_a_security_level_is_closed_with_its_attachments(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    with_level(jira.site, "TEA", ("user", "ada"))
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.attach(key, "bob", "kettle.txt", b"About the kettle")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "kettle", "bob") == {"TEA-1 Kettle", "kettle.txt"}
    clock.advance(3600)
    jira.site.edit_issue(key, by="ada", security="Secret")
    jira.requests.clear()
    sync(exporter_of(jira), stores, "second")
    assert found(stores, "kettle", "bob") == set()
    assert found(stores, "kettle", "ada") == {"TEA-1 Kettle", "kettle.txt"}
    assert jira.requests.count("attachment/content/*") == 0


def test_attachments_of_before_are_closed_too_by_a_sync_that_reads_none(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    with_level(jira.site, "TEA", ("user", "ada"))
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.attach(key, "bob", "kettle.txt", b"About the kettle")
    sync(exporter_of(jira), stores, "first")
    clock.advance(3600)
    jira.site.edit_issue(key, by="ada", security="Secret")
    sync(exporter_of(jira), stores, "second", selection=JiraSelection(attachments=False))
    assert found(stores, "kettle", "bob") == set()
    assert found(stores, "kettle", "ada") == {"TEA-1 Kettle", "kettle.txt"}


def test_a_member_taken_out_of_a_level_no_longer_finds_its_issues(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    level = with_level(jira.site, "TEA", ("user", "ada"))
    jira.site.create_issue("TEA", "Kettle", reporter="bob", security="Secret")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "kettle", "ada")
    member = jira.site.security_level(level).members[-1].id
    jira.site.remove_level_member(level, member)
    clock.advance(60)
    assert sync(exporter_of(jira), stores, "second").written == 0
    assert found(stores, "kettle", "ada") == set()


def test_the_reporter_finds_their_own_issue_where_the_scheme_says_so(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, vault: str
) -> None:
    scheme = jira.site.project(vault).scheme
    jira.site.grant(scheme, "BROWSE_PROJECTS", "reporter")
    jira.site.grant(scheme, "BROWSE_PROJECTS", "assignee")
    jira.site.create_issue(vault, "Bob's kettle", reporter="bob")
    jira.site.create_issue(vault, "Cleo's kettle", reporter="ada", assignee="cleo")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "kettle", "bob") == {"VAULT-1 Bob's kettle"}
    assert found(stores, "kettle", "cleo") == {"VAULT-2 Cleo's kettle"}


def test_the_reporter_is_let_in_by_a_level_only_where_the_project_lets_them_in_too(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, vault: str, clock: HandClock
) -> None:
    jira.site.add_role_actor(vault, DEVELOPERS, person="bob")
    with_level(jira.site, vault, ("reporter", ""))
    jira.site.create_issue(vault, "Bob's kettle", reporter="bob", security="Secret")
    jira.site.create_issue(vault, "Cleo's kettle", reporter="cleo", security="Secret")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "kettle", "bob") == {"VAULT-1 Bob's kettle"}
    assert found(stores, "kettle", "cleo") == set()
    jira.site.remove_role_actor(vault, DEVELOPERS, person="bob")
    clock.advance(60)
    counts = sync(exporter_of(jira), stores, "second")
    assert (counts.changed, counts.access_changed) == (0, 1)
    assert found(stores, "kettle", "bob") == set()


def test_a_scheme_that_no_longer_lets_reporters_in_closes_their_issues_to_them(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, vault: str, clock: HandClock
) -> None:
    scheme = jira.site.project(vault).scheme
    grant = jira.site.grant(scheme, "BROWSE_PROJECTS", "reporter")
    key = jira.site.create_issue(vault, "Bob's kettle", reporter="bob")
    jira.site.attach(key, "bob", "kettle.txt", b"About the kettle")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "kettle", "bob") == {"VAULT-1 Bob's kettle", "kettle.txt"}
    jira.site.revoke(scheme, grant)
    clock.advance(60)
    assert sync(exporter_of(jira), stores, "second").access_changed == 2
    assert found(stores, "kettle", "bob") == set()


def test_rules_worked_out_anew_do_not_trust_an_index_that_lags_behind(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, vault: str, clock: HandClock
) -> None:
    with_level(jira.site, vault, ("user", "ada"))
    key = jira.site.create_issue(vault, "Kettle", reporter="bob")
    sync(exporter_of(jira), stores, "first")
    clock.advance(3600)
    jira.switches.index_lag = 60
    jira.site.edit_issue(key, by="ada", security="Secret")
    jira.site.grant(jira.site.project(vault).scheme, "BROWSE_PROJECTS", "reporter")
    sync(exporter_of(jira), stores, "second")
    assert found(stores, "kettle", "bob") == set()
    assert found(stores, "kettle", "ada") == {"VAULT-1 Kettle"}


def test_what_anyone_may_browse_is_found_by_everybody(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    scheme = jira.site.add_scheme("Public")
    jira.site.grant(scheme, "BROWSE_PROJECTS", "anyone")
    jira.site.add_project("PUB", "Public", lead="ada", scheme=scheme)
    jira.site.create_issue("PUB", "Everybody's kettle", reporter="bob")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "kettle", "stranger") == {"PUB-1 Everybody's kettle"}


def test_who_was_deactivated_finds_nothing_through_jira(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    sync(exporter_of(jira), stores, "first")
    jira.site.set_person("cleo", active=False)
    clock.advance(60)
    sync(exporter_of(jira), stores, "second")
    assert found(stores, "kettle", "cleo") == set()
    assert found(stores, "kettle", "bob") == {"TEA-1 Kettle"}


def test_a_comment_for_a_role_is_a_document_of_its_own_that_only_the_role_finds(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.comment(key, "bob", "A word for all.")
    jira.site.comment(key, "ada", "The password is swordfish.", role=DEVELOPERS)
    sync(exporter_of(jira), stores, "first")
    [issue] = documents(stores).values()
    assert "swordfish" not in repr(issue)
    assert issue.metadata["extra"]["restricted_comments"] == 1
    assert found(stores, "swordfish", "bob") == set()
    assert found(stores, "swordfish", "ada") == {f"{key} comment by Ada Byron"}
    jira.site.remove_role_actor("TEA", DEVELOPERS, person="ada")
    clock.advance(60)
    assert sync(exporter_of(jira), stores, "second").written == 0
    assert found(stores, "swordfish", "ada") == set()


def test_a_comment_that_is_restricted_later_leaves_the_issues_document(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    comment = jira.site.comment(key, "ada", "The password is swordfish.")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "swordfish", "bob") == {"TEA-1 Kettle"}
    clock.advance(3600)
    jira.site.restrict_comment(key, comment, role=DEVELOPERS)
    sync(exporter_of(jira), stores, "second")
    assert found(stores, "swordfish", "bob") == set()
    clock.advance(3600)
    jira.site.restrict_comment(key, comment)
    sync(exporter_of(jira), stores, "third")
    assert found(stores, "swordfish", "bob") == {"TEA-1 Kettle"}
    assert documents(stores, "comment") == {}


def test_a_restricted_comment_of_a_secret_issue_needs_all_three_rights(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    jira.site.add_role_actor("TEA", DEVELOPERS, person="cleo")
    with_level(jira.site, "TEA", ("user", "ada"), ("user", "bob"))
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob", security="Secret")
    jira.site.comment(key, "ada", "The password is swordfish.", role=DEVELOPERS)
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "swordfish", "ada")
    assert found(stores, "swordfish", "bob") == set()  # not in the role
    assert found(stores, "swordfish", "cleo") == set()  # not in the level


def test_an_internal_note_of_a_service_desk_is_not_found_by_the_customer_who_asked(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    scheme = jira.site.add_scheme("Desk")
    jira.site.grant(scheme, "BROWSE_PROJECTS", "projectRole", str(DEVELOPERS))
    jira.site.grant(scheme, "BROWSE_PROJECTS", "reporter")
    jira.site.add_project("HELP", "Help", lead="ada", scheme=scheme, type="service_desk")
    for person in (SYNC_NAME, "ada"):
        jira.site.add_role_actor("HELP", DEVELOPERS, person=person)
    key = jira.site.create_issue("HELP", "Kettle", reporter="bob")
    jira.site.comment(key, "ada", "We are looking at it.")
    jira.site.comment(key, "ada", "He forgot to plug it in.", public=False)
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "looking", "bob") == {"HELP-1 Kettle"}
    assert found(stores, "plug", "bob") == set()
    assert found(stores, "plug", "ada") == {"HELP-1 comment by Ada Byron"}


def test_notes_of_work_for_a_role_are_left_out(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.log_work(key, "ada", 3600, comment="Swordfish", role=DEVELOPERS)
    sync(exporter_of(jira), stores, "first")
    assert "Swordfish" not in repr(documents(stores))


def test_a_linked_issue_of_another_project_is_named_by_its_key_alone(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, vault: str
) -> None:
    secret = jira.site.create_issue(vault, "We buy the teapot factory", reporter="ada")
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.link(key, secret, "Blocks", by="ada")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "factory", "bob") == set()
    [issue] = [d for d in documents(stores).values() if d.metadata["title"].startswith("TEA")]
    assert issue.metadata["extra"]["linked_keys"] == [secret]
    assert "factory" not in repr(issue)


def test_without_the_right_to_read_schemes_nobody_finds_anything_and_the_run_says_why(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    results = sync_all(exporter_of(jira, person=READER_NAME), stores, "first")
    assert results["TEA"].outcome is PartitionOutcome.ATTENTION
    assert "lacks the project permission *Administer Projects*" in results["TEA"].message
    assert len(documents(stores)) == 1
    assert found(stores, "kettle", "bob") == set()


def test_who_may_read_can_be_named_where_schemes_cannot_be_read(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    exporter = exporter_of(jira, person=READER_NAME, readable_by=("user:bob@acme.example",))
    assert sync_all(exporter, stores, "first")["TEA"].outcome is PartitionOutcome.COMPLETED
    assert found(stores, "kettle", "bob") == {"TEA-1 Kettle"}
    assert found(stores, "kettle", "ada") == set()


def test_a_right_that_the_account_loses_closes_what_was_open(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "kettle", "bob") == {"TEA-1 Kettle"}
    clock.advance(60)
    sync_all(exporter_of(jira, person=READER_NAME), stores, "second")
    assert found(stores, "kettle", "bob") == set()


def test_an_issue_restricted_to_roles_is_for_who_is_in_the_project_and_in_one_of_them(
    jira: JiraSandbox, exporter_of: MakeExporter
) -> None:
    access = exporter_of(jira)._access_of(str(jira.site.project("TEA").id))
    restricted = {"issuerestrictions": {"projectrole": [{"id": str(DEVELOPERS)}]}}
    [principal] = access.of_issue({"issuerestriction": restricted, "reporter": {"accountId": "x"}})
    assert principal.endswith(f"+role.{DEVELOPERS}")
    members = dict(access.narrow_memberships([]))[principal]
    assert "user:ada@acme.example" in members
    assert "user:bob@acme.example" not in members


def test_a_restriction_of_an_unknown_kind_lets_nobody_in(
    jira: JiraSandbox, exporter_of: MakeExporter
) -> None:
    access = exporter_of(jira)._access_of(str(jira.site.project("TEA").id))
    restricted = {"issuerestrictions": {"moonphase": [{"id": "full"}]}}
    [principal] = access.of_issue({"issuerestriction": restricted})
    assert dict(access.narrow_memberships([]))[principal] == frozenset()


def test_a_security_level_that_cannot_be_read_lets_nobody_in(
    jira: JiraSandbox, exporter_of: MakeExporter
) -> None:
    access = exporter_of(jira)._access_of(str(jira.site.project("TEA").id))
    [principal] = access.of_issue({"security": {"name": "without an id"}})
    assert principal not in dict(access.memberships())


def test_people_whose_address_is_hidden_are_known_by_their_account(
    jira: JiraSandbox, exporter_of: MakeExporter, vault: str
) -> None:
    jira.site.add_person("dora", "Dora", email_visible=False)
    jira.site.add_role_actor(vault, DEVELOPERS, person="dora")
    account = jira.site.person("dora").account_id
    exporter = exporter_of(jira)
    access = exporter._access_of(str(jira.site.project(vault).id))
    members = dict(access.memberships())[access.principal()]
    assert f"user:jira:{account}" in members


def test_the_members_of_a_level_can_be_named_where_jira_tells_them_to_nobody(
    data_center: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    with_level(data_center.site, "TEA", ("user", "ada"))
    data_center.site.create_issue("TEA", "Kettle", reporter="bob", security="Secret")
    closed = sync_all(exporter_of(data_center), stores, "first")["TEA"]
    assert closed.outcome is PartitionOutcome.ATTENTION
    assert "the security level 'Secret'" in closed.message
    assert found(stores, "kettle", "ada") == set()
    clock.advance(60)
    named = {"Secret": ("user:ada@acme.example", "user:stranger@acme.example")}
    sync(exporter_of(data_center, level_readers=named), stores, "second")
    assert found(stores, "kettle", "ada") == {"TEA-1 Kettle"}
    assert found(stores, "kettle", "stranger") == set()  # not in the project


def test_public_and_domains_stand_for_whoever_is_in_them() -> None:
    ada, bob = "user:ada@acme.example", "user:bob@other.example"
    assert intersection(frozenset({"public"}), frozenset({ada})) == {ada}
    assert intersection(frozenset({"domain:acme.example"}), frozenset({ada, bob})) == {ada}
    assert intersection(frozenset({ada}), frozenset({bob})) == frozenset()
    assert intersection(frozenset(), frozenset({"public"})) == frozenset()
