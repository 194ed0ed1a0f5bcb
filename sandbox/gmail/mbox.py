"""Reading an mbox file into a mailbox.

mbox has no standard; this reads what mail archives use (mboxrd): a mail begins with a line
``From `` behind an empty line, and lines of its text that look like one have ``>`` in front.
"""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

from sandbox.gmail.mail import Mail
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.google.organization import Organization

MBOX_READER = "reader@sandbox.example"

_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_GZIP_SIGNATURE = b"\x1f\x8b"


def mbox_mails(path: Path) -> Iterator[bytes]:
    """The mails of a file, one after the other, as RFC 822 bytes.

    Raises:
        OSError: The file cannot be read.
        ValueError: It does not begin like an mbox file.
    """
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP_SIGNATURE
    with gzip.open(path) if packed else path.open("rb") as lines:
        mail: list[bytes] = []
        empty, begun = True, False
        for line in lines:
            if empty and line.startswith(b"From "):
                if begun:
                    yield _unquoted(mail)
                mail, begun = [], True
            elif not begun:
                raise ValueError(f"{path.name} is not an mbox file: it does not begin with 'From '")
            else:
                mail.append(line)
            empty = line in (b"\n", b"\r\n")
        if begun:
            yield _unquoted(mail)


def read_mbox(path: Path, mailbox: str = MBOX_READER) -> Mailboxes:
    """A Workspace with one person, whose mailbox holds the mails of a file.

    Args:
        path: The file, packed with gzip or not.
        mailbox: Address of the person.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not an mbox file.
    """
    organization = Organization(mailbox.rpartition("@")[2])
    name = mailbox.partition("@")[0].replace(".", " ").title()
    organization.add_user(mailbox, name, is_admin=True)
    mailboxes = Mailboxes(organization)
    mails = [Mail(raw) for raw in mbox_mails(path)]
    # Ids grow with the time of arrival, so the oldest comes first whatever the file's order.
    for mail in sorted(mails, key=lambda mail: mail.date_ms or 0):
        mailboxes.put(mailbox, mail, ("CATEGORY_FORUMS", "INBOX"))
    return mailboxes


def _unquoted(lines: list[bytes]) -> bytes:
    # The empty line before the next mail is not part of this one.
    body = lines[:-1] if lines and lines[-1] in (b"\n", b"\r\n") else lines
    return _QUOTED_FROM.sub(rb"\1", b"".join(body))
