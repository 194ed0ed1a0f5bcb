"""A workspace export ZIP as a source: the same documents as from the Web API, without network."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from langchain_core.documents import Document

from exporters.base import BaseExporter, ConnectionReport, Outcome, Partition, Probe
from exporters.changes import Change, Cursor, RawRecord
from exporters.slack.archive import SlackArchive
from exporters.slack.choosing import chosen_channels
from exporters.slack.documents import SOURCE, slack_documents
from exporters.slack.settings import SlackSelection

_PEOPLE = "@people"


class SlackArchiveExporter(BaseExporter):
    """Reads an export. It has no cursor: each time everything in it is compared with what is known.

    Items that are newer in the stores than in the export stay as they are.
    """

    source: ClassVar[str] = SOURCE
    selection_type = SlackSelection

    def __init__(self, path: Path, workspace_url: str | None = None) -> None:
        """Opens and checks an export.

        Args:
            path: The ZIP.
            workspace_url: The workspace's address, for links to messages.

        Raises:
            ConfigurationError: The file is missing, no ZIP, cut off, or no Slack export.
        """
        self._archive = SlackArchive(path, workspace_url)

    @property
    def connection(self) -> str:
        """The team's id, the same as over the Web API."""
        return str(self._archive.team["id"])

    @property
    def connection_title(self) -> str:
        """The file's name."""
        return self._archive.path.name

    def test_connection(self) -> ConnectionReport:
        """Tells what the export holds; that it can be read was seen when it was opened."""
        archive = self._archive
        found = f"{len(archive.conversations)} conversations, made {archive.exported_at:%Y-%m-%d}"
        address = archive.team["url"]
        return ConnectionReport(
            (
                Probe("export", Outcome.PASSED, found),
                Probe("links", Outcome.PASSED, address)
                if address
                else Probe(
                    "links",
                    Outcome.SKIPPED,
                    "the export does not tell the workspace's address",
                    "Pass --workspace-url to have links to messages.",
                ),
            )
        )

    def partitions(self, selection: SlackSelection) -> Iterator[Partition]:
        """The people of the workspace, then its conversations."""
        yield Partition(key=_PEOPLE, name="people", kind="people")
        wanted = [
            conversation
            for conversation in self._archive.conversations.values()
            if conversation["kind"] in selection.kinds
            and (selection.archived or not conversation["is_archived"])
        ]
        for conversation in chosen_channels(wanted, selection.channels):
            yield Partition(
                key=conversation["id"],
                name=conversation["name"],
                kind=conversation["kind"],
                options={"days_ago": selection.days_ago},
            )

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        """Yields everything of a conversation; never licenses a sweep and sets no cursor."""
        del cursor
        if partition.kind == "people":
            yield self._archive.full_members()
            return
        days_ago = partition.options.get("days_ago")
        since = None if days_ago is None else datetime.now(UTC) - timedelta(days=days_ago)
        yield from self._archive.changes(partition.key, since)

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        """See `exporters.slack.documents`."""
        return slack_documents(record.payload["team"]["id"], record)

    def export(
        self,
        channels: list[str] | None = None,
        days_ago: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Document]:
        """Yields the documents of channels.

        Args:
            channels: Names or ids; None for all in the export.
            days_ago: How many days to go back; None for everything.
            limit: The most documents.

        Raises:
            ConfigurationError: A value makes no sense, or a channel is not in the export.
        """
        selection = SlackSelection.of({"channels": channels, "days_ago": days_ago})
        return self.documents(selection, limit=limit)

    def close(self) -> None:
        """Closes the file."""
        self._archive.close()
