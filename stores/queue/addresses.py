"""Reading the URL of a RabbitMQ server.

The form is that of https://www.rabbitmq.com/docs/uri-spec, the options after `?` those of
https://www.rabbitmq.com/docs/uri-query-parameters that make sense here. Nothing here lets a
password out.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from documents.errors import ConfigurationError

SCHEMES: Final = ("amqp", "amqps")

_PORTS: Final = {"amqp": 5672, "amqps": 5671}
_HEARTBEAT: Final = 30
_TIMEOUT: Final = 10
_FORM: Final = (
    "It has the form amqp://user:password@host:5672/vhost (amqps:// for TLS); write special "
    "characters in the password as %40 for @, %2F for / and so on."
)
_FILES: Final = ("cacertfile", "certfile", "keyfile")
_NUMBERS: Final = ("heartbeat", "connection_timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where a RabbitMQ server is, and how to talk to it.

    Attributes:
        host: Its name or address.
        port: Its port.
        user: Who one is there.
        password: Of that user.
        vhost: The virtual host.
        tls: Whether the connection is encrypted, and the server's certificate checked.
        cacertfile: PEM file with the certificate authority, where it is not a public one.
        certfile: PEM file with a certificate of one's own.
        keyfile: PEM file with the key to it.
        heartbeat: Seconds of silence after which a connection is taken for lost, twice over.
        connection_timeout: Seconds to wait for a connection.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    vhost: str
    tls: bool
    cacertfile: str | None
    certfile: str | None
    keyfile: str | None
    heartbeat: int
    connection_timeout: int

    def __str__(self) -> str:
        """The URL without password and options, for a person to recognise it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        vhost = "" if self.vhost == "/" else f"/{quote(self.vhost, safe='')}"
        return f"amqp{'s' if self.tls else ''}://{quote(self.user)}@{host}:{self.port}{vhost}"


def parse_broker_url(text: str) -> BrokerAddress:
    """The parts of an `amqp://` or `amqps://` URL.

    Raises:
        ConfigurationError: It cannot be read, or has an option that is not known. The message does
            not repeat it.
    """
    try:
        # A second "@" is one of the password, and what follows it would be taken for the host.
        if text.count("@") > 1:
            raise ValueError
        url = urlsplit(text.strip())
        host, port = url.hostname, url.port or _PORTS[url.scheme]
        if not host:
            raise ValueError
    except (ValueError, KeyError):
        raise ConfigurationError("The URL of the job queue cannot be read.", hint=_FORM) from None
    options = dict(parse_qsl(url.query))
    if unknown := options.keys() - {*_FILES, *_NUMBERS}:
        raise ConfigurationError(
            f"The URL of the job queue has an option that is not known: {sorted(unknown)[0]}.",
            hint=f"Known are {', '.join((*_FILES, *_NUMBERS))}.",
        )
    files = {name: _file(name, options[name]) for name in _FILES if name in options}
    numbers = {name: _seconds(name, options[name]) for name in _NUMBERS if name in options}
    return BrokerAddress(
        host=host,
        port=port,
        user=unquote(url.username or "guest"),
        password=unquote(url.password or "guest"),
        vhost=unquote(url.path[1:]) or "/",
        tls=url.scheme == "amqps",
        cacertfile=files.get("cacertfile"),
        certfile=files.get("certfile"),
        keyfile=files.get("keyfile"),
        heartbeat=numbers.get("heartbeat", _HEARTBEAT),
        connection_timeout=numbers.get("connection_timeout", _TIMEOUT),
    )


def _file(name: str, value: str) -> str:
    path = Path(value).expanduser()
    if not path.is_file():
        raise ConfigurationError(
            f"The URL of the job queue names a file for {name} that is not there: {path}.",
            hint="Give the absolute path of a PEM file.",
        )
    return str(path)


def _seconds(name: str, value: str) -> int:
    if value.isdecimal() and 1 <= int(value) <= 3600:
        return int(value)
    raise ConfigurationError(
        f"The URL of the job queue has a {name} that makes no sense.",
        hint="Give whole seconds, from 1 to 3600.",
    )
