"""Jira as a source: its partitions are projects, its people, and the catalogue of its projects."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from threading import Lock
from typing import Any, ClassVar, Final

from langchain_core.documents import Document

from documents.principals import workspace
from documents.times import parse_iso
from exporters.base import BaseExporter, ConnectionReport, Partition
from exporters.changes import (
    Change,
    Checkpoint,
    Complete,
    Cursor,
    MembershipChange,
    RawRecord,
)
from exporters.errors import PermissionDeniedError
from exporters.jira.access import ProjectAccess
from exporters.jira.auth import Credential
from exporters.jira.catalog import Catalog, project_summary
from exporters.jira.choosing import chosen_projects, chosen_scope
from exporters.jira.client import JiraClient
from exporters.jira.documents import jira_documents
from exporters.jira.fields import field_summary
from exporters.jira.loading import IssueLoader
from exporters.jira.payloads import ISSUE, owner_of
from exporters.jira.people import SOURCE, JiraDirectory, account_id
from exporters.jira.probes import run_probes
from exporters.jira.projects import ProjectSync, Scope
from exporters.jira.settings import JiraSelection, JiraSettings
from exporters.settings import load_settings

PEOPLE: Final = "@people"
"""Key of the partition that tells who has access to the Jira at all."""

CATALOG: Final = "@catalog"
"""Key of the partition with projects, versions, components, boards, sprints, statuses, people."""


class JiraExporter(BaseExporter):
    """Reads a Jira, Cloud or Data Center.

    Example:
        ```python
        exporter = JiraExporter(token="...")  # the address is the setting base_url
        for document in exporter.export(project="PAY", status="In Progress"):
            print(document.metadata["title"], document.metadata["url"])
        ```
    """

    source: ClassVar[str] = SOURCE
    selection_type = JiraSelection

    def __init__(
        self,
        token: str | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        settings: JiraSettings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepares an exporter; nothing is asked yet.

        Args:
            token: An API token (with the setting `email`), a scoped token, an access token, or a
                personal access token. Without a credential only `to_documents` works.
            client_id: Instead, of an OAuth client.
            client_secret: Belongs to it.
            settings: Where the Jira is; read from environment and file if not given.
            now: The clock.
        """
        self._settings = settings or load_settings(JiraSettings, SOURCE)
        self._credential = Credential(self._settings.email, token, client_id, client_secret)
        self._client = JiraClient(self._credential, self._settings)
        self._directory = JiraDirectory(self._client)
        self._now = now
        self._lock = Lock()
        self._access: dict[str, ProjectAccess] = {}
        self._fields: dict[str, dict[str, Any]] | None = None

    def check_credentials(self) -> None:
        """Refuses none, a half, and two."""
        self._credential.check()

    @property
    def connection(self) -> str:
        """The id of the site in Atlassian's cloud; of a Data Center its host."""
        return self._client.site().connection

    @property
    def connection_title(self) -> str:
        """The site's name."""
        return self._client.site().title

    def test_connection(self) -> ConnectionReport:
        """Tries address, credential, projects, who may read them, and a sample read."""
        return run_probes(self._client, self._directory, self._settings)

    def partitions(self, selection: JiraSelection) -> Iterator[Partition]:
        """The people, the catalogue, then the projects as the account sees them."""
        projects = chosen_projects(self._client.projects(), selection.projects)
        scope = chosen_scope(self._client, selection, self._now())
        yield Partition(key=PEOPLE, name="people", kind="people")
        live = [project for project in projects if not project.get("archived")]
        yield Partition(
            key=CATALOG,
            name="projects, versions and boards",
            kind="catalog",
            options={
                "projects": [str(project["id"]) for project in live],
                "whole": selection.projects is None,
            },
        )
        for project in projects:
            yield self._partition(project, selection, scope)

    def _partition(
        self, project: Mapping[str, Any], selection: JiraSelection, scope: Scope
    ) -> Partition:
        key = project.get("key")
        unreadable = None
        if project.get("archived"):
            unreadable = (
                f"The project {key} is archived, and Jira searches no archived project. What was "
                "synced of it stays; restore it to sync it again."
            )
            if selection.projects:
                raise PermissionDeniedError(unreadable)
        lead = project.get("lead")
        return Partition(
            key=str(project["id"]),
            name=f"{key} {project.get('name') or ''}".strip(),
            kind="project",
            options={
                "project": project_summary(project),
                "lead": {"accountId": account_id(lead)} if account_id(lead) else None,
                "where": scope.where,
                "since": scope.since,
                "scope": scope.name,
                "attachments": selection.attachments,
            },
            unreadable=unreadable,
        )

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        """Yields what changed in a project, its catalogue, or who has access to the Jira."""
        if partition.kind == "people":
            yield from self._people()
        elif partition.kind == "catalog":
            yield from self._catalog(partition, cursor)
        else:
            yield from self._sync(partition).changes(cursor)

    def _sync(self, partition: Partition) -> ProjectSync:
        options = partition.options
        return ProjectSync(
            self._client,
            self._settings,
            project=options["project"],
            scope=Scope(options["where"], options["since"], options["scope"]),
            access=self._access_of(partition.key, options["lead"]),
            loader=self._loader(partition),
            now=self._now,
        )

    def _loader(self, partition: Partition) -> IssueLoader:
        return IssueLoader(
            self._client,
            self._settings,
            project_id=partition.key,
            access_of=self._access_of,
            known_fields=self._known_fields,
            attachments=bool(partition.options["attachments"]),
            now=self._now,
        )

    def _people(self) -> Iterator[Change]:
        """Who has access to the Jira: the groups of its products."""
        now = self._now()
        applications = self._directory.application_groups
        if applications is None:
            members = frozenset(self._settings.readable_by)
        else:
            refs = [ref for refs in applications.values() for ref in refs if ref.key]
            for principal, inside in self._directory.untold(refs):
                yield MembershipChange(principal, inside, as_of=now)
            members = frozenset(map(self._directory.group_principal, refs))
        yield MembershipChange(workspace(self.connection), members, as_of=now)

    def _catalog(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        """Projects and what they have, where it is time to read them again."""
        now = self._now()
        projects = list(partition.options["projects"])
        asked = blake2b(" ".join(sorted(projects)).encode(), digest_size=12).hexdigest()
        if cursor is not None and cursor.get("projects") == asked:
            age = now - parse_iso(cursor["read"])
            # One of less than nothing was told by a clock that was ahead.
            if timedelta(0) <= age < timedelta(hours=self._settings.catalog_hours):
                yield Complete(full=False)
                yield Checkpoint(cursor)
                return
        catalog = Catalog(self._client, self._now)
        people = self._directory.everyone()
        yield from catalog.changes(projects, people, boards=self._settings.boards)
        whole = bool(partition.options["whole"]) and self._settings.boards
        yield Complete(full=catalog.complete and self._directory.everybody_listed and whole)
        yield Checkpoint({"read": now.isoformat(), "projects": asked})

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        """See `exporters.jira.documents`."""
        return jira_documents(record)

    def export(
        self,
        project: str | None = None,
        status: str | None = None,
        assignee: str | None = None,
    ) -> Iterator[Document]:
        """Yields the documents of issues, with their attachments, and of their projects.

        Args:
            project: Key, name or id; None for all that the account can read.
            status: Only issues in this status.
            assignee: Only issues of this person; `unassigned` for those of nobody.

        Raises:
            ConfigurationError: A value makes no sense, or a project does not exist.
            ExportError: Jira refuses; raised when the first document is asked for, as an unknown
                project is.
        """
        selection = JiraSelection.of(
            {
                "projects": [project] if project else None,
                "status": [status] if status else None,
                "assignee": assignee,
            }
        )
        return self.documents(selection)

    def fetch(self, partition: Partition, entity: str, external_id: str) -> Iterator[Change] | None:
        """Asks for one issue, attachment or restricted comment again."""
        if partition.kind != "project":
            return None
        loader = self._loader(partition)
        if entity == ISSUE:
            return loader.asked(external_id)
        return loader.part(entity, external_id)

    def owner_of(self, entity: str, external_id: str) -> str | None:
        """The issue of an attachment or a restricted comment."""
        return owner_of(entity, external_id)

    def close(self) -> None:
        """Gives back connections. Harmless when called twice."""
        self._client.close()

    def _access_of(self, project_id: str, lead: Any = None) -> ProjectAccess:
        """Who may read a project's issues, asked for once in a run."""
        with self._lock:
            found = self._access.get(project_id)
        if found is None:
            found = ProjectAccess(
                self._client,
                self._directory,
                project_id,
                lead if lead is not None else self._lead_of(project_id),
                readable_by=self._settings.readable_by,
                level_readers=self._settings.level_readers,
            )
            with self._lock:
                found = self._access.setdefault(project_id, found)
        return found

    def _lead_of(self, project_id: str) -> Any:
        try:
            return self._client.project(project_id).get("lead")
        except PermissionDeniedError:
            return None

    def _known_fields(self) -> Mapping[str, Mapping[str, Any]]:
        with self._lock:
            if self._fields is None:
                wanted = self._settings.text_fields
                self._fields = {
                    str(field["id"]): field_summary(field, wanted)
                    for field in self._client.fields()
                    if field.get("id") and field.get("custom")
                }
            return self._fields
