"""Gmail, locally: the mailboxes of a Workspace with Google's API in front."""

from sandbox.faults import Fault
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.gmail.server import GmailSandbox
from sandbox.gmail.switches import Switches
from sandbox.google.organization import Organization

__all__ = ["Fault", "GmailSandbox", "Mailboxes", "Organization", "Switches"]
