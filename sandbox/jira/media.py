"""Where the bytes of attachments come from on Cloud: a host of its own, which wants no login.

The link carries a token that is good for some minutes. Whoever sends an Authorization header along,
as a client does that follows a redirect carelessly, is refused.
"""

import hashlib
from urllib.parse import quote

from aiohttp import web

from sandbox.jira.model import Attachment
from sandbox.jira.site import Site

LIFETIME_SECONDS = 600


def media_url(site: Site, file: Attachment, site_url: str) -> str:
    """Where a file can be had for a while."""
    until = int(site.clock()) + LIFETIME_SECONDS
    token = f"{until}.{_sign(site, file, until)}"
    name = quote(file.filename)
    return f"{site_url}/media/file/{file.media_id}/binary?token={token}&name={name}"


def download(site: Site, request: web.Request) -> web.Response:
    """The bytes behind a link."""
    if "Authorization" in request.headers:
        return _refusal(403, "Authorization is not accepted here; the token is in the link.")
    until, _, signature = request.query.get("token", "").partition(".")
    file = _find(site, request.match_info["media"])
    if file is None:
        return _refusal(404, "No such file.")
    fresh = until.isdigit() and int(until) >= site.clock()
    if not fresh or signature != _sign(site, file, int(until)):
        return _refusal(403, "The token is not valid or has expired.")
    disposition = f"attachment; filename*=UTF-8''{quote(file.filename)}"
    return web.Response(
        body=file.content,
        content_type=file.mime_type,
        headers={"Content-Disposition": disposition},
    )


def _find(site: Site, media_id: str) -> Attachment | None:
    for issue in site.issues.values():
        for file in issue.attachments:
            if file.media_id == media_id:
                return file
    return None


def _sign(site: Site, file: Attachment, until: int) -> str:
    text = f"{site.cloud_id} {file.media_id} {until}".encode()
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "title": message}}, status=status)
