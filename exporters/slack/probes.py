"""What is tried before a Slack sync: the token, its scopes, people, channels, a sample read."""

from collections.abc import Callable, Iterator
from itertools import islice

from documents.errors import DataGettersError
from exporters.base import ConnectionReport, Outcome, Probe
from exporters.slack.client import KIND_SCOPES, SlackClient
from exporters.slack.payloads import SLACKBOT
from exporters.slack.settings import KINDS

_SAMPLED_CHANNELS = 200

OPTIONAL_SCOPES = {
    "users:read": "names of people, and who may read what",
    "users:read.email": "e-mail addresses, by which searches are filtered for a person",
    "usergroups:read": "names of user groups",
    "files:read": "texts of files",
}


def run_probes(client: SlackClient) -> ConnectionReport:
    """Tries step by step; a step that needs one that failed is skipped."""
    probes: list[Probe] = []
    token = _guarded("token", lambda: _token(client))
    probes.append(token)
    if token.outcome is Outcome.FAILED:
        reason = "the token was not accepted"
        probes += [
            _skipped(name, reason) for name in ("scopes", "people", "channels", "sample read")
        ]
        return ConnectionReport(tuple(probes))
    probes.extend(_scopes(client))
    probes.append(_guarded("people", lambda: _people(client)))
    channels: list[str] = []
    probes.append(_guarded("channels", lambda: _channels(client, channels)))
    if channels:
        probes.append(_guarded("sample read", lambda: _sample(client, channels[0])))
    else:
        probes.append(_skipped("sample read", "there is no channel that can be read"))
    return ConnectionReport(tuple(probes))


def _guarded(name: str, step: Callable[[], Probe]) -> Probe:
    try:
        return step()
    except DataGettersError as error:
        return Probe(name, Outcome.FAILED, str(error), error.hint)


def _skipped(name: str, reason: str) -> Probe:
    return Probe(name, Outcome.SKIPPED, reason)


def _token(client: SlackClient) -> Probe:
    who = client.identity()
    kind = "bot" if who["is_bot"] else "user"
    return Probe("token", Outcome.PASSED, f"{kind} token of {who['user']} in {who['team']}")


def _scopes(client: SlackClient) -> Iterator[Probe]:
    scopes = client.identity()["scopes"]
    if scopes is None:
        yield _skipped("scopes", "Slack does not tell the scopes of this token")
        return
    readable, lacking = client.readable_kinds(KINDS)
    hint = "Add what is missing under OAuth & Permissions, and reinstall the app."
    for kind in KIND_SCOPES:
        needed = " and ".join(KIND_SCOPES[kind])
        if kind in readable:
            yield Probe(f"scopes for {kind}", Outcome.PASSED, needed)
        else:
            outcome = Outcome.SKIPPED if readable else Outcome.FAILED
            detail = f"without {lacking[kind]} these conversations are left out"
            yield Probe(f"scopes for {kind}", outcome, detail, hint)
    missing = [scope for scope in OPTIONAL_SCOPES if scope not in scopes]
    for scope in missing:
        detail = f"without it there are no {OPTIONAL_SCOPES[scope]}"
        outcome = Outcome.FAILED if scope == "users:read" else Outcome.SKIPPED
        yield Probe(f"scope {scope}", outcome, detail, hint)


def _people(client: SlackClient) -> Probe:
    people = [
        user
        for user in client.users()
        if not (user.get("is_bot") or user.get("deleted") or user["id"] == SLACKBOT)
    ]
    with_email = sum(bool((user.get("profile") or {}).get("email")) for user in people)
    if people and not with_email:
        return Probe(
            "people",
            Outcome.FAILED,
            f"{len(people)} people, none with an e-mail address",
            "Add the scope users:read.email, or searches for a person will find public "
            "documents only.",
        )
    return Probe(
        "people", Outcome.PASSED, f"{len(people)} people, {with_email} with an e-mail address"
    )


def _channels(client: SlackClient, readable: list[str]) -> Probe:
    kinds, _ = client.readable_kinds(KINDS)
    is_bot = client.identity()["is_bot"]
    seen = list(islice(client.channels(kinds, archived=False), _SAMPLED_CHANNELS))
    readable += [
        channel["id"]
        for channel in seen
        if not is_bot or channel.get("is_member") or channel.get("is_im") or channel.get("is_mpim")
    ]
    detail = f"{len(readable)} of the first {len(seen)} that are listed can be read"
    if seen and not readable:
        return Probe(
            "channels",
            Outcome.FAILED,
            detail,
            "Invite the app with /invite in a channel, or sync with --join-public.",
        )
    return Probe("channels", Outcome.PASSED, detail)


def _sample(client: SlackClient, channel_id: str) -> Probe:
    page = next(client.history(channel_id, oldest=None, latest=None), None)
    detail = f"{len(page.messages) if page else 0} messages of {channel_id} in one page"
    if client.limited_mode:
        return Probe(
            "sample read",
            Outcome.PASSED,
            f"{detail}; Slack allows this app 15 messages a minute",
            "Use an app that was made for your own workspace; see docs/sources/slack.md.",
        )
    return Probe("sample read", Outcome.PASSED, detail)
