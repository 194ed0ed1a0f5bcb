"""Where the bytes of attachments come from on Cloud: a host of its own, which wants no login.

The link carries a token that is good for some minutes. Whoever sends an Authorization header along,
as a client does that follows a redirect carelessly, is refused. On this machine the other host is
the other name of the same one: ``localhost`` for who asked ``127.0.0.1``, and the other way round.
"""

import hashlib
from urllib.parse import quote, urlsplit

from aiohttp import web

from sandbox.jira.model import Attachment
from sandbox.jira.site import Site

LIFETIME_SECONDS = 600

_OTHER_NAME = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}


def media_url(site: Site, file: Attachment, site_url: str) -> str:
    """Where a file can be had for a while."""
    until = int(site.clock()) + LIFETIME_SECONDS
    token = f"{until}.{_sign(site, file, until)}"
    name = quote(file.filename)
    return f"{_elsewhere(site_url)}/media/file/{file.media_id}/binary?token={token}&name={name}"


def _elsewhere(site_url: str) -> str:
    """The same server under another name, where it has one."""
    parts = urlsplit(site_url)
    host = _OTHER_NAME.get(str(parts.hostname))
    return site_url if host is None else f"{parts.scheme}://{host}:{parts.port}"


def download(site: Site, request: web.Request) -> web.Response:
    """The bytes behind a link."""
    if "Authorization" in request.headers:
        return _refusal(403, "Authorization is not accepted here; the token is in the link.")
    until, _, signature = request.query.get("token", "").partition(".")
    found = site.find_file(request.match_info["media"])
    if found is None:
        return _refusal(404, "No such file.")
    file = found[1]
    fresh = until.isdigit() and int(until) >= site.clock()
    if not fresh or signature != _sign(site, file, int(until)):
        return _refusal(403, "The token is not valid or has expired.")
    disposition = f"attachment; filename*=UTF-8''{quote(file.filename)}"
    return web.Response(
        body=file.content,
        content_type=file.mime_type,
        headers={"Content-Disposition": disposition},
    )


def _sign(site: Site, file: Attachment, until: int) -> str:
    text = f"{site.cloud_id} {file.media_id} {until}".encode()
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "title": message}}, status=status)
