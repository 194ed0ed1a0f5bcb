"""Where an Elasticsearch is and how one gets in, read from a URL and the settings.

```
elasticsearch://host:9200                    TLS, unless the host is this machine
https://host:9200, http://host:9200          with and without TLS, said outright
elasticsearch://user:password@a:9200,b:9200  several nodes
elasticsearch://?cloud_id=name:ZXUt...       Elastic Cloud by its id
```

A path is kept as it is, for servers behind a proxy. Parameters: see `PARAMETERS`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from documents.errors import ConfigurationError

SCHEMES: Final = ("elasticsearch", "https", "http")

PARAMETERS: Final[Mapping[str, str]] = {
    "prefix": "what the names of all indices begin with (data-getters)",
    "api_key": "an API key, as Kibana shows it (better: the setting elasticsearch_api_key)",
    "cloud_id": "an Elastic Cloud id",
    "ca_certs": "path of the PEM file with the server's certificate authority",
    "fingerprint": "SHA-256 fingerprint of the server's certificate",
    "shards": "primary shards of a new index (1)",
    "replicas": "replicas of a new index (one where there are two nodes or more)",
    "patience": "seconds to wait for a server that is away or busy while writing (120)",
    "compress": "true to compress requests, for a server far away",
}
"""The parameters of a URL."""

DEFAULT_PREFIX: Final = "data-getters"
_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server and the way in.

    Attributes:
        hosts: URLs of its nodes, without user info; empty with a cloud id.
        cloud_id: Of Elastic Cloud.
        prefix: What the names of all indices begin with.
        user: For basic authentication.
        password: For basic authentication.
        api_key: Instead of both.
        ca_certs: PEM file to trust.
        fingerprint: Of the certificate to trust.
        shards: Primary shards of a new index.
        replicas: Of a new index; None for one where there are two nodes or more.
        patience: Seconds to wait for a server that is away or busy while writing.
        compress: Whether requests are compressed.
    """

    hosts: tuple[str, ...] = ()
    cloud_id: str | None = None
    prefix: str = DEFAULT_PREFIX
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    ca_certs: Path | None = None
    fingerprint: str | None = None
    shards: int = 1
    replicas: int | None = None
    patience: float = 120.0
    compress: bool = False

    @property
    def name(self) -> str:
        """How errors call it; without secrets."""
        if self.hosts:
            return ", ".join(self.hosts)
        return f"Elastic Cloud {(self.cloud_id or '').partition(':')[0]}".rstrip()


def read_target(
    address: str,
    *,
    user: str | None = None,
    password: str | None = None,
    api_key: str | None = None,
    ca_certs: Path | None = None,
    cloud_id: str | None = None,
) -> Target:
    """Reads a URL; what it does not say comes from the other arguments.

    Raises:
        ConfigurationError: The URL makes no sense. The sentence does not show its secrets.
    """
    try:
        url = urlsplit(address)
    except ValueError as error:
        raise _wrong(str(error)) from None
    if url.scheme not in SCHEMES:
        raise _wrong(f"its scheme is not one of {', '.join(SCHEMES)}")
    given = _parameters(url.query)
    user_info, _, nodes = url.netloc.rpartition("@")
    if user_info:
        name, _, secret = user_info.partition(":")
        user, password, api_key = unquote(name), unquote(secret) or password, None
    if "api_key" in given:
        user, password, api_key = None, None, given["api_key"]
    elif user_info == "" and api_key:
        user = password = None  # a key wins over a name and password of the settings
    if user and not password:
        raise _wrong(f"there is no password for the user {user}")
    if "cloud_id" in given or not nodes:
        cloud_id = given.get("cloud_id", cloud_id)
        if not cloud_id:
            raise _wrong("it names no host and no cloud_id")
        hosts: tuple[str, ...] = ()
    else:
        cloud_id = None
        hosts = tuple(_host(url, node) for node in nodes.split(","))
    certificate = given.get("ca_certs")
    ca_certs = Path(certificate).expanduser() if certificate else ca_certs
    if ca_certs is not None and not ca_certs.is_file():
        raise ConfigurationError(
            f"The file with Elasticsearch's certificate authority does not exist: {ca_certs}.",
            hint="It is config/certs/http_ca.crt of the server; set elasticsearch_ca_certs.",
        )
    return Target(
        hosts=hosts,
        cloud_id=cloud_id,
        prefix=_prefix(given.get("prefix", DEFAULT_PREFIX)),
        user=user,
        password=password,
        api_key=api_key,
        ca_certs=ca_certs,
        fingerprint=given.get("fingerprint"),
        shards=_number(given, "shards", 1, least=1) or 1,
        replicas=_number(given, "replicas", None, least=0),
        patience=float(_number(given, "patience", 120, least=0) or 0),
        compress=_flag(given, "compress", default=cloud_id is not None),
    )


def _host(url: SplitResult, node: str) -> str:
    try:
        split = urlsplit(f"//{node.strip()}")
        host, port = split.hostname, split.port
    except ValueError:
        host, port = None, None
    if not host:
        raise _wrong(f"{node!r} is no host")
    scheme = url.scheme
    if scheme == "elasticsearch":
        scheme = "http" if host in _LOOPBACK else "https"
        port = port or 9200
    port = port or (443 if scheme == "https" else 9200)
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}{url.path.rstrip('/')}"


def _parameters(query: str) -> dict[str, str]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(given.keys() - PARAMETERS.keys())
    if unknown:
        raise _wrong(
            f"there is no parameter {unknown[0]!r}", hint=f"Known are {', '.join(PARAMETERS)}."
        )
    return given


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise _wrong(f"the prefix {text!r} is not of small letters, digits, '-', '_' and '.'")
    return text


def _number(given: Mapping[str, str], name: str, default: int | None, *, least: int) -> int | None:
    text = given.get(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < least:
        raise _wrong(f"{name} is {text!r}, not a number from {least}")
    return int(text)


def _flag(given: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = given.get(name)
    if text is None:
        return default
    if text not in {"true", "false"}:
        raise _wrong(f"{name} is {text!r}, not true or false")
    return text == "true"


def _wrong(reason: str, *, hint: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"The Elasticsearch address makes no sense: {reason}.",
        hint=hint or "Write it like elasticsearch://host:9200 or https://user:password@host:9200.",
    )
