"""Web API methods about files, and the files themselves."""

import math

from aiohttp import web

from sandbox.slack.errors import SlackError
from sandbox.slack.filetypes import FILE_CLASSES
from sandbox.slack.messages import file_payload
from sandbox.slack.method import Method, WebCall
from sandbox.slack.model import File
from sandbox.slack.payloads import Payload
from sandbox.slack.timestamps import ts_microseconds
from sandbox.slack.viewer import Viewer

COUNT_DEFAULT = 100
COUNT_MAXIMUM = 1000
FILES_SCOPE = "files:read"
CONTENT_SHOWN = 8_000
"""Characters of a snippet that ``files.info`` sends along."""

LOGIN_PAGE = (
    "<!DOCTYPE html>"
    '<html lang="en-US"><head><title>Login | Slack</title>'
    '<meta name="robots" content="noindex"></head>'
    '<body><form id="signin_form" action="/signin">Sign in to your workspace</form></body></html>'
)


def files_list(call: WebCall) -> Payload:
    """Files shared where the token can see, newest first, by page number."""
    arguments = call.arguments
    files = [file for file in call.workspace.files.values() if _listed(call, file)]
    files.sort(key=lambda file: (-file.created, file.id))
    count = min(arguments.number("count", COUNT_DEFAULT), COUNT_MAXIMUM)
    page = arguments.number("page", 1)
    shown = files[(page - 1) * count : page * count]
    return {
        "files": [_shown(call, file) for file in shown],
        "paging": {
            "count": count,
            "total": len(files),
            "page": page,
            "pages": math.ceil(len(files) / count),
        },
    }


def files_info(call: WebCall) -> Payload:
    """One file; a snippet with its beginning."""
    file = call.workspace.files.get(call.arguments.text("file"))
    if file is None or not sees_file(call.viewer, file):
        raise SlackError("file_not_found")
    if file.mode == "tombstone":
        raise SlackError("file_deleted")
    payload: Payload = {
        "file": file_payload(call.workspace, file, call.base_url, shares=True),
        "comments": [],
        "response_metadata": {"next_cursor": ""},
    }
    if file.mode == "snippet" and file.content is not None:
        text = file.content.decode(errors="replace")
        payload |= {"content": text[:CONTENT_SHOWN], "is_truncated": len(text) > CONTENT_SHOWN}
    return payload


def sees_file(viewer: Viewer, file: File) -> bool:
    """Whether a file is the token's own or shared where the token can see it."""
    places = (viewer.workspace.channels.get(channel_id) for channel_id in file.shares)
    return file.user == viewer.token.user or any(
        place is not None and viewer.sees(place) for place in places
    )


def download(viewer: Viewer | None, file_id: str) -> web.Response:
    """The bytes behind ``url_private``.

    Who may not have them gets HTTP 200 and the login page, as from Slack: a wrong token, a token
    without ``files:read``, a file of a conversation the token cannot see.

    Args:
        viewer: None for a missing or wrong token.
        file_id: The ``F...`` in the address.
    """
    file = viewer.workspace.files.get(file_id) if viewer else None
    if viewer is None or FILES_SCOPE not in viewer.token.scopes:
        return web.Response(text=LOGIN_PAGE, content_type="text/html")
    if file is None or file.content is None:
        return web.Response(
            status=404, text="<html>File not found</html>", content_type="text/html"
        )
    if not sees_file(viewer, file):
        return web.Response(text=LOGIN_PAGE, content_type="text/html")
    disposition = f'attachment; filename="{file.name}"'
    return web.Response(
        body=file.content,
        content_type=file.mimetype,
        headers={"Content-Disposition": disposition},
    )


def _listed(call: WebCall, file: File) -> bool:
    arguments = call.arguments
    if file.mode == "tombstone" or not sees_file(call.viewer, file):
        return False
    if arguments.text("user", file.user) != file.user:
        return False
    channel = arguments.text("channel")
    if channel and channel not in file.shares:
        return False
    earliest, latest = arguments.ts("ts_from"), arguments.ts("ts_to")
    if earliest and file.created < ts_microseconds(earliest) // 1_000_000:
        return False
    if latest and file.created > ts_microseconds(latest) // 1_000_000:
        return False
    return _has_type(file, arguments.text("types", "all")) and (
        not _is_hidden(call, file) or arguments.flag("show_files_hidden_by_limit")
    )


def _has_type(file: File, types: str) -> bool:
    wanted = types.split(",")
    if "all" in wanted or ("snippets" in wanted and file.mode == "snippet"):
        return True
    unknown = set(wanted) - set(FILE_CLASSES) - {"snippets", "spaces", "gdocs", "posts"}
    if unknown:
        raise SlackError("unknown_type")
    return any(file.filetype in FILE_CLASSES.get(name, ()) for name in wanted)


def _is_hidden(call: WebCall, file: File) -> bool:
    return file.created < ts_microseconds(call.viewer.hidden_before()) // 1_000_000


def _shown(call: WebCall, file: File) -> Payload:
    if _is_hidden(call, file):
        return {
            "id": file.id,
            "created": file.created,
            "timestamp": file.created,
            "mode": "hidden_by_limit",
        }
    return file_payload(call.workspace, file, call.base_url, shares=True)


METHODS = {
    "files.list": Method(files_list, tier=3, scopes=(FILES_SCOPE,)),
    "files.info": Method(files_info, tier=4, scopes=(FILES_SCOPE,)),
}
