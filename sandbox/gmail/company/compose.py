"""Writing MIME by hand, so that the same mail is the same bytes each time.

The standard library draws boundaries from a generator of its own; here they come from the seed.
"""

import base64
import quopri
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.header import Header
from email.utils import encode_rfc2231, formataddr
from random import Random

from sandbox.gmail.company.files import Attachment
from sandbox.gmail.company.staff import Person


@dataclass(slots=True)
class Entity:
    """A MIME entity: a part, or the whole of a mail.

    Attributes:
        headers: Names and values that are ready to be sent.
        body: Encoded content, with CRLF.
    """

    headers: list[tuple[str, str]]
    body: bytes

    def to_bytes(self) -> bytes:
        """Headers, an empty line, the body."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return head.encode("utf-8") + b"\r\n" + self.body


def text(
    content: str, subtype: str = "plain", charset: str = "UTF-8", encoding: str = ""
) -> Entity:
    """A text part.

    Args:
        content: With LF line ends.
        subtype: ``plain`` or ``html``.
        charset: Characters it lacks become question marks.
        encoding: ``7bit``, ``8bit``, ``quoted-printable`` or ``base64``; by default 7bit where it
            is enough and quoted-printable otherwise.
    """
    raw = content.replace("\n", "\r\n").encode(charset, "replace")
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    long_lines = any(len(line) > 900 for line in raw.split(b"\r\n"))
    chosen = encoding or ("7bit" if raw.isascii() and not long_lines else "quoted-printable")
    headers = [("Content-Type", f'text/{subtype}; charset="{charset}"')]
    if chosen != "7bit":
        headers.append(("Content-Transfer-Encoding", chosen))
    return Entity(headers, _encoded(raw, chosen))


def attached(file: Attachment, *, encoded_words: bool = False) -> Entity:
    """A file as a part.

    Args:
        file: The file.
        encoded_words: Write a name beyond ASCII as encoded words, as Outlook does, and not as
            RFC 2231 says.
    """
    disposition = "inline" if file.content_id else "attachment"
    if file.name.isascii():
        name, filename = f'name="{file.name}"', f'filename="{file.name}"'
    elif encoded_words:
        words = Header(file.name, "utf-8").encode()
        name, filename = f'name="{words}"', f'filename="{words}"'
    else:
        extended = encode_rfc2231(file.name, "utf-8")
        name, filename = f"name*={extended}", f"filename*={extended}"
    headers = [
        ("Content-Type", f"{file.mime_type}; {name}"),
        ("Content-Disposition", f"{disposition}; {filename}"),
        ("Content-Transfer-Encoding", "base64"),
    ]
    if file.content_id:
        headers.append(("Content-ID", f"<{file.content_id}>"))
    return Entity(headers, _encoded(file.content, "base64"))


def multipart(
    subtype: str, parts: Sequence[Entity], random: Random, parameters: str = ""
) -> Entity:
    """Several parts in one."""
    boundary = f"000000000000{random.getrandbits(64):016x}"
    pieces = [f"--{boundary}\r\n".encode() + part.to_bytes() + b"\r\n" for part in parts]
    body = b"".join(pieces) + f"--{boundary}--\r\n".encode()
    return Entity(
        [("Content-Type", f'multipart/{subtype}; boundary="{boundary}"{parameters}')], body
    )


def enclosed(mail: bytes, filename: str = "") -> Entity:
    """A mail inside a mail."""
    headers = [("Content-Type", "message/rfc822" + (f'; name="{filename}"' if filename else ""))]
    name = f'; filename="{filename}"' if filename else ""
    headers.append(("Content-Disposition", f"attachment{name}"))
    return Entity(headers, mail)


def mail(head: Iterable[tuple[str, str]], content: Entity) -> bytes:
    """A whole mail: its own headers, then those of its content."""
    headers = [*head, ("MIME-Version", "1.0"), *content.headers]
    return Entity(headers, content.body).to_bytes()


def words(value: str, charset: str = "utf-8") -> str:
    """A header value, as encoded words where it is not ASCII (RFC 2047)."""
    if value.isascii():
        return value
    return Header(value, charset, maxlinelen=72).encode(linesep="\r\n")


def address(person: Person, charset: str = "utf-8") -> str:
    """``Name <address>``."""
    return formataddr((person.name, person.email), charset)


def addresses(people: Iterable[Person]) -> str:
    """A list of addresses, folded so that no line is too long."""
    return ",\r\n ".join(address(person) for person in people)


def _encoded(raw: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(raw).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        lines = raw.replace(b"\r\n", b"\n")
        return quopri.encodestring(lines).replace(b"\n", b"\r\n")
    return raw
