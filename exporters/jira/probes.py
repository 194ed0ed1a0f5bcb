"""What is tried before a Jira sync: address, credential, projects, permissions, a sample read."""

from collections.abc import Callable

from documents.errors import DataGettersError
from exporters.base import ConnectionReport, Outcome, Probe
from exporters.jira.access import ProjectAccess
from exporters.jira.client import JiraClient
from exporters.jira.people import JiraDirectory
from exporters.jira.settings import JiraSettings

_SAMPLED_PEOPLE = 200
_SAMPLED_PROJECTS = 20


def run_probes(
    client: JiraClient, directory: JiraDirectory, settings: JiraSettings
) -> ConnectionReport:
    """Tries step by step; a step that needs one that failed is skipped."""
    later = ("credential", "projects", "people", "permissions", "boards", "sample read")
    site = _guarded("site", lambda: _site(client))
    if site.outcome is Outcome.FAILED:
        return _without([site], later, "the site did not answer")
    credential = _guarded("credential", lambda: _credential(client))
    probes = [site, credential]
    if credential.outcome is Outcome.FAILED:
        return _without(probes, later[1:], "the credential was not accepted")
    seen: list[tuple[str, str]] = []
    probes.append(_guarded("projects", lambda: _projects(client, seen)))
    probes.append(_guarded("people", lambda: _people(client)))
    if not seen:
        return _without(probes, ("permissions", "sample read"), "there is no project to read")
    probes.append(_guarded("permissions", lambda: _permissions(client, directory, settings, seen)))
    if settings.boards:
        probes.append(_guarded("boards", lambda: _boards(client)))
    probes.append(_guarded("sample read", lambda: _sample(client, seen)))
    return ConnectionReport(tuple(probes))


def _guarded(name: str, step: Callable[[], Probe]) -> Probe:
    try:
        return step()
    except DataGettersError as error:
        return Probe(name, Outcome.FAILED, str(error), error.hint)


def _without(probes: list[Probe], names: tuple[str, ...], reason: str) -> ConnectionReport:
    skipped = [Probe(name, Outcome.SKIPPED, reason) for name in names]
    return ConnectionReport((*probes, *skipped))


def _site(client: JiraClient) -> Probe:
    site = client.site()
    edition = "Jira Cloud" if site.is_cloud else "Jira Data Center"
    return Probe("site", Outcome.PASSED, f"{edition} {site.title} at {site.url}")


def _credential(client: JiraClient) -> Probe:
    who = client.myself()
    return Probe("credential", Outcome.PASSED, f"it is of {who.get('displayName') or 'an account'}")


def _projects(client: JiraClient, seen: list[tuple[str, str]]) -> Probe:
    found = [project for project in client.projects() if not project.get("archived")]
    seen += [(str(one["id"]), str(one.get("key"))) for one in found]
    if not found:
        return Probe(
            "projects",
            Outcome.FAILED,
            "the account can see no project",
            "Give it *Browse Projects* in those that are to be synced.",
        )
    names = ", ".join(key for _, key in seen[:5])
    more = f" and {len(seen) - 5} more" if len(seen) > 5 else ""
    return Probe("projects", Outcome.PASSED, f"{len(seen)} can be read: {names}{more}")


def _people(client: JiraClient) -> Probe:
    people = []
    for person in client.people():
        if person.get("active") is not False and person.get("accountType") in {None, "atlassian"}:
            people.append(person)
        if len(people) >= _SAMPLED_PEOPLE:
            break
    with_email = sum(bool(person.get("emailAddress")) for person in people)
    detail = f"{with_email} of the first {len(people)} with an e-mail address"
    if people and not with_email:
        return Probe(
            "people",
            Outcome.FAILED,
            detail,
            "Searches for a person find public documents only. Let the organisation's managed "
            "accounts show their addresses, or give the account the right to see them.",
        )
    return Probe("people", Outcome.PASSED, detail)


def _permissions(
    client: JiraClient,
    directory: JiraDirectory,
    settings: JiraSettings,
    seen: list[tuple[str, str]],
) -> Probe:
    problems: dict[str, str] = {}
    sampled = seen[:_SAMPLED_PROJECTS]
    for project_id, key in sampled:
        lead = client.project(project_id).get("lead")
        access = ProjectAccess(
            client,
            directory,
            project_id,
            lead,
            readable_by=settings.readable_by,
            level_readers=settings.level_readers,
        )
        if access.problem:
            problems[key] = access.problem
    if problems:
        return Probe(
            "permissions",
            Outcome.FAILED,
            f"{', '.join(problems)}: {next(iter(problems.values()))}",
            "Give the account these rights, or name who may read in the setting readable_by.",
        )
    return Probe("permissions", Outcome.PASSED, f"who may read is known of {len(sampled)} projects")


def _boards(client: JiraClient) -> Probe:
    try:
        first = next(client.boards(), None)
    except DataGettersError as error:
        return Probe(
            "boards",
            Outcome.FAILED,
            str(error),
            "Give the token the scopes read:board-scope:jira-software and "
            "read:sprint:jira-software, or set DATA_GETTERS_JIRA__BOARDS to false.",
        )
    return Probe("boards", Outcome.PASSED, "boards can be read" if first else "there is none")


def _sample(client: JiraClient, seen: list[tuple[str, str]]) -> Probe:
    project_id, key = seen[0]
    page = client.search(f"project = {project_id} ORDER BY id ASC", ["id"], size=1)
    if not page.issues:
        return Probe("sample read", Outcome.PASSED, f"{key} has no issues")
    issue = client.issue(str(page.issues[0]["id"]))
    return Probe("sample read", Outcome.PASSED, f"{issue.get('key')} was read whole")
