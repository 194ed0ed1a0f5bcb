"""Fingerprints that tell what of a document moved: its content, its access, or nothing.

All are BLAKE2b-128, as 32 hexadecimal characters.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

import orjson
from langchain_core.documents import Document

from documents.metadata import RUN_FIELDS

NOT_CONTENT: Final = RUN_FIELDS | {"access", "access_hash", "content_hash"}
"""Metadata that does not count as content."""

_DIGEST_BYTES = 16


def fingerprint(data: bytes) -> str:
    """The fingerprint of bytes."""
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()


def text_hash(text: str) -> str:
    """The fingerprint of a text, the key under which its embedding is cached."""
    return fingerprint(text.encode("utf-8", errors="surrogatepass"))


def content_hash(document: Document) -> str:
    """The fingerprint of what a reader sees: text, title, links, people, times, `extra`.

    Access and the fields of the run that wrote the document do not count, nor does the order in
    which metadata was put together.
    """
    metadata = {k: v for k, v in document.metadata.items() if k not in NOT_CONTENT}
    encoded = orjson.dumps(
        (document.page_content, metadata),
        default=str,
        option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS,
    )
    return fingerprint(encoded)


def access_hash(access: Iterable[str]) -> str:
    """The fingerprint of an access list, whatever its order."""
    return fingerprint("\n".join(sorted(access)).encode())
