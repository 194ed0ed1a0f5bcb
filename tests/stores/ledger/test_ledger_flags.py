"""Feature flags: on until they are switched off, and seen by whoever asks."""

from datetime import UTC, datetime, timedelta

from stores.ledger.flags import Flag
from stores.ledger.ledger import Ledger


def states(ledger: Ledger) -> dict[str, bool]:
    return {flag.name: flag.enabled for flag in ledger.flags.all()}


def test_a_flag_that_was_never_switched_is_on(ledger: Ledger) -> None:
    assert ledger.flags.all() == []
    assert ledger.flags.first_off(["sync", "sync.slack"]) is None


def test_the_last_switch_counts(ledger: Ledger) -> None:
    ledger.flags.switch("sync.slack", enabled=False, reason="an incident\0")
    ledger.flags.switch("sync.jira", enabled=True)
    [jira, slack] = ledger.flags.all()
    assert (jira.name, jira.enabled, jira.reason) == ("sync.jira", True, "")
    assert slack == Flag("sync.slack", False, "an incident\ufffd", slack.changed_at)
    assert datetime.now(UTC) - slack.changed_at < timedelta(minutes=1)

    ledger.flags.switch("sync.slack", enabled=True)

    assert states(ledger) == {"sync.slack": True, "sync.jira": True}
    assert ledger.flags.all(["sync.slack"])[0].reason == "", "the reason was for switching it off"


def test_the_first_that_is_off_is_told(ledger: Ledger) -> None:
    for name in ("sync.slack.T1", "sync.slack", "sync.gmail"):
        ledger.flags.switch(name, enabled=False)
    ledger.flags.switch("sync", enabled=True)
    off = ledger.flags.first_off(["sync", "sync.slack", "sync.slack.T1"])
    assert off is not None
    assert off.name == "sync.slack"
    assert ledger.flags.first_off(["sync", "sync.jira"]) is None
    assert ledger.flags.first_off([]) is None
