"""What the MCP server's tools answer with.

`search` and `fetch` have the fields that ChatGPT's connectors ask for: results with `id`, `title`
and `url`; a document with `id`, `title`, `text`, `url` and `metadata`
(https://platform.openai.com/docs/mcp). What else is told stands beside them.
"""

from typing import Any

from pydantic import BaseModel, Field


class FoundDocument(BaseModel):
    """A document that answers a question."""

    id: str = Field(description="For `fetch` and `neighbours`.")
    title: str
    url: str = Field(description="Where a person opens it, to be cited; empty where it has none.")
    text: str = Field(description="The passage that answers best, not the whole.")
    source: str = Field(description="Where it is from: slack, gmail, jira ...")
    type: str = Field(description="What it is: thread, message, issue, attachment ...")
    container: str | None = Field(description="The channel, project or folder it is in.")
    author: str | None
    created_at: str | None = Field(description="UTC, ISO 8601.")
    updated_at: str | None = Field(description="UTC, ISO 8601.")


class SearchAnswer(BaseModel):
    """The documents that answer a question best, the best first."""

    results: list[FoundDocument]
    next_page: int | None = Field(description="Ask for this page to see more; null at the end.")
    note: str = Field(description="What the searcher should know, such as why nothing was found.")


class FetchedDocument(BaseModel):
    """A document, or a part of a long one."""

    id: str
    title: str
    text: str = Field(description="Markdown.")
    url: str = Field(description="Where a person opens it, to be cited; empty where it has none.")
    metadata: dict[str, Any] = Field(
        description="Source, type, container, author, times; `next_start` where there is more text."
    )


class NeighbourDocument(FoundDocument):
    """A document that stands around another one."""

    relation: str = Field(
        description="parent: what it belongs to; before, after: in its conversation or channel; "
        "part: what belongs to it, such as an attachment."
    )


class NeighbourAnswer(BaseModel):
    """The documents around one, in the order in which they are read."""

    results: list[NeighbourDocument]


class SyncedAccount(BaseModel):
    """An account or tenant that is kept in sync."""

    source: str
    account: str = Field(description="What a person calls it.")
    documents: int = Field(description="How many of them may be found.")
    synced_at: str | None = Field(description="When something was last written, UTC, ISO 8601.")


class SourcesAnswer(BaseModel):
    """What can be searched."""

    sources: list[SyncedAccount]
    searching_for: str = Field(description="Whose access decides what is found.")
    access_as_of: str | None = Field(
        description="When the oldest list of members that lets them read was told, UTC."
    )
