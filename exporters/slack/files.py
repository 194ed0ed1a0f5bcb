"""The texts of files that people share: of text files, office files, PDFs, pages and the like.

Nothing is downloaded that cannot have text (images, sound, archives), that lies elsewhere (Google
Drive, Box), or that is larger than the limits.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from exporters.errors import PermissionDeniedError
from exporters.extraction.errors import too_large
from exporters.extraction.kinds import declared_kind
from exporters.extraction.settings import ExtractionSettings
from exporters.slack.client import SlackClient

_TEXT_TYPES: Final = frozenset(
    {"text", "markdown", "csv", "tsv", "json", "xml", "yaml", "diff", "post", "log", "html"}
)
_READABLE_MODES: Final = frozenset({"hosted", "snippet", "post"})
_WRITTEN_IN_SLACK: Final = frozenset({"snippet", "post"})


class FileText(NamedTuple):
    """What was found in a file.

    Attributes:
        text: Its text; None where there is none.
        reason: Why there is none, where a person would ask; else empty.
    """

    text: str | None
    reason: str


class FileTexts:
    """Reads the files of messages. Safe to use from several threads."""

    def __init__(
        self, client: SlackClient, attachments: ExtractionSettings, *, text_file_bytes: int
    ) -> None:
        """Prepares it; nothing is asked yet.

        Args:
            client: The wire.
            attachments: Limits of reading office files and the like.
            text_file_bytes: How much of a text file is read.
        """
        self._client = client
        self._attachments = attachments
        self._text_file_bytes = text_file_bytes

    def must_download(self, file: Mapping[str, Any]) -> bool:
        """Whether `read` downloads the file."""
        return self._is_there(file) and (
            _is_plain(file) or (self._is_attachment(file) and not self._is_too_large(file))
        )

    def read(self, file: Mapping[str, Any]) -> FileText:
        """The text of a file, or why there is none.

        Raises:
            ExportError: The file could not be read now.
            ConfigurationError: No process that reads files can be started.
        """
        if not self._is_there(file):
            return FileText(None, "")
        if _is_plain(file):
            content, _ = self._client.download(file, max_bytes=self._text_file_bytes)
            return FileText(content.decode("utf-8", errors="replace"), "")
        if not self._is_attachment(file):
            return FileText(None, "")
        most = self._attachments.max_input_bytes
        if self._is_too_large(file):
            return FileText(None, too_large(int(file["size"]), most))
        return self._extracted(file, most)

    def _extracted(self, file: Mapping[str, Any], most: int) -> FileText:
        from exporters.extraction import extract_text  # noqa: PLC0415 (only where a file is read)

        content, cut = self._client.download(file, max_bytes=most)
        if cut:
            return FileText(None, too_large(max(len(content), int(file.get("size") or 0)), most))
        _refuse_login_page(file, content)
        found = extract_text(
            content,
            name=file.get("name"),
            mime_type=file.get("mimetype"),
            settings=self._attachments,
        )
        return FileText(found.text, found.reason)

    def _is_there(self, file: Mapping[str, Any]) -> bool:
        """Whether Slack holds the file and the token may read it."""
        scopes = self._client.identity()["scopes"]
        return (
            file.get("mode") in _READABLE_MODES
            and self._client.holds(file)
            and (scopes is None or "files:read" in scopes)
        )

    def _is_attachment(self, file: Mapping[str, Any]) -> bool:
        kind = _kind(file)
        return (
            self._attachments.enabled
            and kind is not None
            and kind not in self._attachments.skip_kinds
        )

    def _is_too_large(self, file: Mapping[str, Any]) -> bool:
        size = file.get("size")
        return isinstance(size, int) and size > self._attachments.max_input_bytes


def _kind(file: Mapping[str, Any]) -> str | None:
    """What a file is called; Slack's own name for its type is a suffix in most cases."""
    kind = declared_kind(file.get("name"), file.get("mimetype"))
    return kind or declared_kind(f"file.{file.get('filetype') or ''}", None)


def _is_plain(file: Mapping[str, Any]) -> bool:
    """Whether a file is text as it is, and no page, table or office file that is called text."""
    if file.get("mode") in _WRITTEN_IN_SLACK:
        return True
    if _kind(file) not in {"text", None}:
        return False
    mimetype = str(file.get("mimetype") or "")
    return (
        mimetype.startswith("text/")
        or mimetype in {"application/json", "application/xml", "application/x-yaml"}
        or file.get("filetype") in _TEXT_TYPES
    )


def _refuse_login_page(file: Mapping[str, Any], content: bytes) -> None:
    """A page that is not as long as the file is Slack's login page, sent with status 200.

    Raises:
        PermissionDeniedError: It is one.
    """
    if _kind(file) == "html" and file.get("size") not in {None, len(content)}:
        raise PermissionDeniedError(
            "Slack sent a web page instead of a file.",
            hint="It is a login page: the app may not read this file.",
        )
