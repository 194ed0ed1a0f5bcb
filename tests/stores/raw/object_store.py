"""A small object store for tests that speaks as much of S3 as pyarrow asks for.

In memory, on loopback. An object exists once its upload is complete, as with the real one.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import IO, Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

ACCESS_KEY = "AKIATESTER"
SECRET_KEY = "s3cr3tK3y"


class ObjectStore(ThreadingHTTPServer):
    """The store.

    Attributes:
        buckets: Bucket -> key -> content.
        requests: Method and path of every request, for tests that count them.
        refused: An S3 error code that requests are answered with.
        refused_methods: Which requests; all if empty.
        cuts_uploads: Whether it keeps only half of what is uploaded.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.buckets: dict[str, dict[str, bytes]] = {"landing": {}}
        self.requests: list[tuple[str, str]] = []
        self.refused: str | None = None
        self.refused_methods: set[str] = set()
        self.cuts_uploads = False
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.upload_ids = itertools.count(1)

    def uri(self, path: str = "landing/raw") -> str:
        """Where pyarrow finds a folder of it."""
        return (
            f"s3://{ACCESS_KEY}:{SECRET_KEY}@{path}?scheme=http&region=us-east-1"
            f"&endpoint_override=127.0.0.1%3A{self.server_address[1]}"
        )


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A running store."""
    server = ObjectStore()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ObjectStore
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or every answer waits 40 ms for an acknowledgement

    def log_message(self, *_: Any) -> None:
        """Tests need no log."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, True).items()}
        body = self._body()
        self.server.requests.append((self.command, self.path))
        methods = self.server.refused_methods or {self.command}
        if self.server.refused and self.command in methods:
            self._error(403, self.server.refused)
        elif bucket not in self.server.buckets:
            self._error(404, "NoSuchBucket")
        elif not key:
            self._bucket(self.server.buckets[bucket], query, body)
        elif self.command in {"PUT", "POST"}:
            self._write(self.server.buckets[bucket], key, query, body)
        elif self.command == "DELETE":
            self.server.buckets[bucket].pop(key, None)
            self._answer(204)
        else:
            self._read(self.server.buckets[bucket], key)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 (http.server's names)

    def _bucket(self, objects: dict[str, bytes], query: dict[str, str], body: bytes) -> None:
        if "delete" in query:
            for element in ET.fromstring(body).iter():  # noqa: S314 (our own client's)
                if element.tag.endswith("Key"):
                    objects.pop(element.text or "", None)
            self._answer(200, "<DeleteResult/>")
        elif self.command == "HEAD":
            self._answer(200)
        else:
            self._list(objects, query.get("prefix", ""), query.get("delimiter", ""))

    def _list(self, objects: dict[str, bytes], prefix: str, delimiter: str) -> None:
        folders, files = set(), []
        for key in sorted(objects):
            if not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.split(delimiter)[0] + delimiter)
            else:
                files.append(key)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{now}</LastModified>"
            f"<ETag>{_etag(objects[key])}</ETag><Size>{len(objects[key])}</Size></Contents>"
            for key in files
        )
        prefixes = "".join(
            f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            for folder in sorted(folders)
        )
        self._answer(
            200,
            f"<ListBucketResult><Prefix>{escape(prefix)}</Prefix><KeyCount>"
            f"{len(files) + len(folders)}</KeyCount><IsTruncated>false</IsTruncated>"
            f"{contents}{prefixes}</ListBucketResult>",
        )

    def _write(
        self, objects: dict[str, bytes], key: str, query: dict[str, str], body: bytes
    ) -> None:
        if "uploads" in query:
            number = str(next(self.server.upload_ids))
            self.server.uploads[number] = {}
            self._answer(
                200,
                "<InitiateMultipartUploadResult><UploadId>"
                f"{number}</UploadId></InitiateMultipartUploadResult>",
            )
        elif "partNumber" in query:
            self.server.uploads[query["uploadId"]][int(query["partNumber"])] = body
            self._answer(200, etag=_etag(body))
        elif "uploadId" in query:
            parts = self.server.uploads.pop(query["uploadId"])
            objects[key] = b"".join(parts[number] for number in sorted(parts))
            self._answer(
                200,
                f"<CompleteMultipartUploadResult><ETag>{_etag(objects[key])}</ETag>"
                "</CompleteMultipartUploadResult>",
            )
        else:
            objects[key] = body[: len(body) // 2] if self.server.cuts_uploads else body
            self._answer(200, etag=_etag(body))

    def _read(self, objects: dict[str, bytes], key: str) -> None:
        if key not in objects:
            self._error(404, "NoSuchKey")
            return
        content = objects[key]
        asked = self.headers.get("Range")
        if asked:
            start, _, end = asked.removeprefix("bytes=").partition("-")
            part = content[int(start) : int(end) + 1 if end else None]
            self._answer(206, part, etag=_etag(content))
        else:
            self._answer(200, content, etag=_etag(content))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            sent = b"".join(_chunks(self.rfile))
            while self.rfile.readline().strip():
                pass  # trailers
        else:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" in (self.headers.get("Content-Encoding") or ""):
            return b"".join(_chunks(BytesIO(sent)))
        return sent

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")

    def _answer(self, status: int, body: str | bytes = b"", etag: str | None = None) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", format_datetime(datetime.now(UTC), usegmt=True))
        self.send_header("Content-Type", "application/xml")
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """The chunks of https://www.rfc-editor.org/rfc/rfc9112#name-chunked-transfer-coding."""
    while length := int(stream.readline().split(b";")[0], 16):
        yield stream.read(length)
        stream.readline()


def _etag(content: bytes) -> str:
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'
