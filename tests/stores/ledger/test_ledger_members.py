"""Who is in which group, and what a person may therefore read."""

from datetime import UTC, datetime

import pytest

from documents.principals import (
    DENY_ALL,
    PUBLIC,
    domain,
    group,
    user,
    user_without_email,
    workspace,
)
from stores.ledger.ledger import Ledger
from stores.ledger.types import Standing

TEAM = workspace("T1")
CLOSED = group("slack", "C-closed")
ANN, BOB, EVE = (user(f"{name}@acme.com") for name in ("ann", "bob", "eve"))


@pytest.fixture
def connection(ledger: Ledger) -> int:
    return ledger.connection_id("slack", "T1", "Acme")


def test_a_stranger_has_what_names_their_very_address(ledger: Ledger, connection: int) -> None:
    ledger.set_members(connection, TEAM, {ANN})
    eve = ledger.person("Eve@Acme.com ")
    # Ann is listed with an address of that domain, so who is of it is known.
    assert (eve.standing, eve.principals) == (Standing.UNKNOWN, {PUBLIC, EVE})
    assert ledger.principals_of("nobody") == {PUBLIC, user("nobody")}
    assert ledger.principals_of(" ") == {PUBLIC}
    assert eve.as_of is not None


def test_where_nobody_tells_who_is_of_a_domain_an_address_is_taken_at_its_word(
    ledger: Ledger, connection: int
) -> None:
    ledger.set_members(connection, TEAM, {ANN})
    ledger.set_members(connection, CLOSED, {domain("evil.com")})
    assert ledger.principals_of("eve@evil.com") == {
        PUBLIC, user("eve@evil.com"), domain("evil.com"), CLOSED,
    }  # fmt: skip
    # A domain whose name only ends alike is another one, and _ is no wildcard.
    ledger.set_members(connection, CLOSED, {user("x@a_b.com")})
    assert domain("a-b.com") in ledger.principals_of("y@a-b.com")
    assert domain("a_b.com") not in ledger.principals_of("y@a_b.com")


def test_who_was_listed_once_and_is_no_more_reads_what_is_public(
    ledger: Ledger, connection: int
) -> None:
    other = ledger.connection_id("jira", "J1", "Jira")
    ledger.set_members(connection, TEAM, {ANN, BOB})
    ledger.set_members(other, workspace("J1"), {ANN})
    ledger.set_members(connection, TEAM, {BOB})
    assert ledger.person("ann@acme.com").standing is Standing.LISTED  # Jira still names her
    ledger.set_members(other, workspace("J1"), ())
    ann = ledger.person("ann@acme.com")
    assert (ann.standing, ann.principals, ann.lists) == (Standing.LEFT, {PUBLIC}, 0)
    ledger.set_members(connection, TEAM, {ANN})
    assert TEAM in ledger.principals_of("ann@acme.com")


def test_a_person_is_the_same_by_every_address_and_account(ledger: Ledger, connection: int) -> None:
    private, account = user("ann@home.example"), user_without_email("jira", "5b10ac8d82e05b22cc7d")
    third = user("a.lee@acme.com")
    assert ledger.set_identities(connection, [{ANN, private, account, third}, {BOB}])
    ledger.set_members(connection, TEAM, {BOB, third})
    ledger.set_members(connection, CLOSED, {account})
    for address in ("ann@acme.com", "ANN@home.example", "a.lee@acme.com"):
        person = ledger.person(address)
        assert person.names == {ANN, private, account, third}, address
        assert person.principals == person.names | {
            PUBLIC, TEAM, CLOSED, domain("acme.com"), domain("home.example"),
        }, address  # fmt: skip
    assert ledger.person("bob@acme.com").names == {BOB}
    # Dots and a plus are not guessed at: only the provider knows what they mean.
    assert ledger.person("alee@acme.com").principals == {PUBLIC, user("alee@acme.com")}
    assert ledger.person("ann+x@acme.com").principals == {PUBLIC, user("ann+x@acme.com")}


def test_identities_are_replaced_whole_and_never_by_an_older_list(
    ledger: Ledger, connection: int
) -> None:
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    ledger.set_members(connection, TEAM, {ANN, EVE})
    assert ledger.set_identities(connection, [{ANN, BOB}], as_of=second)
    assert not ledger.set_identities(connection, [{ANN, BOB}], as_of=second)
    assert not ledger.set_identities(connection, [{EVE, BOB}], as_of=first)
    assert ANN in ledger.principals_of("bob@acme.com")
    assert ledger.set_identities(connection, [])
    # Bob was an address of Ann's, and is of nobody now.
    assert ledger.principals_of("bob@acme.com") == {PUBLIC}
    assert TEAM in ledger.principals_of("ann@acme.com")
    with pytest.raises(ValueError, match="one person"):
        ledger.set_identities(connection, [{ANN, TEAM}])


def test_a_person_is_told_with_how_fresh_that_is(ledger: Ledger, connection: int) -> None:
    assert ledger.person("ann@acme.com").as_of is None
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    ledger.set_members(connection, TEAM, {ANN}, as_of=new)
    ledger.set_members(connection, CLOSED, {ANN}, as_of=old)
    ledger.set_members(connection, group("slack", "C-other"), {BOB}, as_of=new)
    ann = ledger.person("ann@acme.com")
    assert (ann.lists, ann.as_of) == (2, old)
    assert ledger.person("eve@acme.com").as_of == new


def test_nobody_is_let_in_by_what_is_denied(ledger: Ledger, connection: int) -> None:
    ledger.set_members(connection, DENY_ALL, {ANN})
    assert DENY_ALL not in ledger.principals_of("ann@acme.com")


def test_a_member_reads_by_their_groups(ledger: Ledger, connection: int) -> None:
    ledger.set_members(connection, TEAM, {ANN, BOB})
    ledger.set_members(connection, CLOSED, {BOB})
    own = {PUBLIC, domain("acme.com")}
    assert ledger.principals_of("ann@acme.com") == own | {ANN, TEAM}
    assert ledger.principals_of("BOB@acme.com") == own | {BOB, TEAM, CLOSED}


def test_groups_reach_through_groups_accounts_and_domains(ledger: Ledger, connection: int) -> None:
    account = user_without_email("slack", "U1")
    ledger.set_members(connection, group("google", "a"), {group("google", "b")})
    ledger.set_members(connection, group("google", "b"), {group("google", "c")})
    ledger.set_members(connection, group("google", "c"), {account})
    ledger.set_members(connection, account, {ANN})
    ledger.set_members(connection, group("google", "all"), {domain("acme.com")})

    reached = ledger.principals_of("ann@acme.com")

    assert reached >= {group("google", name) for name in ("a", "b", "c", "all")} | {account}
    assert ledger.principals_of("bob@acme.com") & reached == {PUBLIC}
    ledger.set_members(connection, TEAM, {BOB})
    assert ledger.principals_of("bob@acme.com") & reached == {
        PUBLIC,
        domain("acme.com"),
        group("google", "all"),
    }


def test_groups_that_contain_each_other_do_no_harm(ledger: Ledger, connection: int) -> None:
    one, two = group("google", "one"), group("google", "two")
    ledger.set_members(connection, one, {two, ANN})
    ledger.set_members(connection, two, {one, two})
    assert ledger.principals_of("ann@acme.com") >= {one, two}
    assert not ledger.principals_of("bob@acme.com") & {one, two}


def test_who_left_reads_no_more(ledger: Ledger, connection: int) -> None:
    ledger.set_members(connection, CLOSED, {ANN, BOB})
    ledger.set_members(connection, CLOSED, {BOB})
    assert CLOSED not in ledger.principals_of("ann@acme.com")
    assert CLOSED in ledger.principals_of("bob@acme.com")
    ledger.set_members(connection, CLOSED, ())
    assert CLOSED not in ledger.principals_of("bob@acme.com")


def test_a_change_is_told_from_no_change(ledger: Ledger, connection: int) -> None:
    assert not ledger.set_members(connection, CLOSED, set())
    assert ledger.set_members(connection, CLOSED, {ANN})
    assert not ledger.set_members(connection, CLOSED, [ANN, ANN])
    assert ledger.set_members(connection, CLOSED, {BOB})
    assert ledger.set_members(connection, CLOSED, set())


def test_what_another_connection_says_stands_beside(ledger: Ledger, connection: int) -> None:
    other = ledger.connection_id("google", "acme.com", "Acme")
    ledger.set_members(connection, CLOSED, {ANN, EVE})
    ledger.set_members(other, CLOSED, {BOB, EVE})
    ledger.set_members(connection, CLOSED, set())
    assert CLOSED not in ledger.principals_of("ann@acme.com")
    assert CLOSED in ledger.principals_of("bob@acme.com")
    assert CLOSED in ledger.principals_of("eve@acme.com")


@pytest.mark.parametrize("wrong", ["", "ann@acme.com", "group:slack", "user:"])
def test_what_is_not_a_principal_is_refused(ledger: Ledger, connection: int, wrong: str) -> None:
    with pytest.raises(ValueError, match="not a principal"):
        ledger.set_members(connection, CLOSED, {ANN, wrong})
    with pytest.raises(ValueError, match="not a principal"):
        ledger.set_members(connection, wrong, {ANN})
    assert CLOSED not in ledger.principals_of("ann@acme.com")


def test_a_workspace_of_thousands_is_replaced_at_once(ledger: Ledger, connection: int) -> None:
    people = {user(f"person{number}@acme.com") for number in range(3000)}
    assert ledger.set_members(connection, TEAM, people)
    assert ledger.set_members(connection, TEAM, people - {user("person7@acme.com")})
    assert TEAM not in ledger.principals_of("person7@acme.com")
    assert TEAM in ledger.principals_of("person2999@acme.com")


def test_an_older_list_does_not_give_back_what_was_taken_away(
    ledger: Ledger, connection: int
) -> None:
    export, today = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    ledger.set_members(connection, CLOSED, {ANN}, as_of=today)

    assert not ledger.set_members(connection, CLOSED, {ANN, EVE}, as_of=export)

    assert CLOSED not in ledger.principals_of("eve@acme.com")
    assert CLOSED in ledger.principals_of("ann@acme.com")


def test_a_newer_list_replaces_an_older_one_and_an_equal_one_too(
    ledger: Ledger, connection: int
) -> None:
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert ledger.set_members(connection, CLOSED, {ANN}, as_of=first)
    assert ledger.set_members(connection, CLOSED, {BOB}, as_of=first)
    assert ledger.set_members(connection, CLOSED, {EVE}, as_of=second)
    assert CLOSED in ledger.principals_of("eve@acme.com")
    assert CLOSED not in ledger.principals_of("bob@acme.com")


def test_an_emptied_group_stays_dated(ledger: Ledger, connection: int) -> None:
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    ledger.set_members(connection, CLOSED, {ANN}, as_of=old)
    ledger.set_members(connection, CLOSED, set(), as_of=new)
    assert not ledger.set_members(connection, CLOSED, {ANN}, as_of=old)
    assert CLOSED not in ledger.principals_of("ann@acme.com")
