"""Looking for a credential: how it may be written, and how a vendor says it back."""

from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet

from sandbox.faults import Fault


def spellings(secret: str) -> set[bytes]:
    """How a secret may be written."""
    found = {secret, quote(secret, safe=""), secret.replace("/", "\\/")}
    return {one.encode() for one in found} | {b64encode(secret.encode()).rstrip(b"=")}


def leaks(told: str | bytes, secrets: list[str]) -> list[str]:
    data = told.encode(errors="replace") if isinstance(told, str) else told
    return [secret for secret in secrets if any(one in data for one in spellings(secret))]


def everything_in(folder: Path) -> bytes:
    """All bytes below a folder, those of Parquet files decompressed, and all names."""
    found = b""
    for path in sorted(folder.rglob("*")):
        found += str(path).encode()
        if path.is_file():
            found += path.read_bytes()
        if path.suffix == ".parquet":
            rows = pyarrow.parquet.ParquetFile(path).read().to_pylist()
            found += repr(rows).encode()
            found += b"".join(v for row in rows for v in row.values() if isinstance(v, bytes))
    return found


def trouble(kind: str, secret: str) -> list[Fault]:
    """A vendor that says the credential back."""
    late, _, kind = kind.rpartition(" ")
    body = {
        "ok": False, "error": f"bad token {secret}", "message": f"Nobody here knows {secret}",
        "errorMessages": [f"The token {secret} is refused"], "warningMessages": [],
    }  # fmt: skip
    common: dict[str, Any] = {"times": None, "skip": 6 if late else 0, "body": body}
    match kind:
        case "none":
            return []
        case "redirect":
            place = f"http://127.0.0.1:9/{quote(secret, safe='')}?access_token={quote(secret)}"
            return [Fault("answer", **{**common, "status": 302, "headers": {"Location": place}})]
        case "page":
            return [Fault("html", times=None, status=200)]
        case "500":
            return [Fault("server_error", **{**common, "status": 500, "times": 40})]
    return [Fault("answer", **{**common, "status": int(kind)})]
