"""The process-wide registry of document types, with the ones that come with this collection."""

from typing import Final

from documents.gmail import GmailMessageDocument
from documents.jira import JiraIssueDocument
from documents.slack import SlackMessageDocument
from documents.types import AIDocument, DocumentTypeRegistry

document_types: Final = DocumentTypeRegistry()
"""Store name <-> class. A source from another package adds its own through its manifest."""

document_types.register(AIDocument)
document_types.register(SlackMessageDocument)
document_types.register(GmailMessageDocument)
document_types.register(JiraIssueDocument)
