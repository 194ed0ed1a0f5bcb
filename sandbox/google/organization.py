"""A Google Workspace: its domain and its users."""

from dataclasses import dataclass, field
from hashlib import blake2b

from sandbox.google.state import State, mutation


@dataclass(slots=True)
class GoogleUser:
    """An account of the Workspace.

    Attributes:
        email: Primary address, in lower case.
        given_name: First name.
        family_name: Last name.
        id: 21 digits, the same for the same address.
        is_admin: Whether the account may read the directory.
        suspended: Whether it was switched off; the address stays taken.
        mail_enabled: Whether it has Gmail. Accounts with another licence have none.
        aliases: Other addresses that lead to the same mailbox.
        title: Job title.
        department: Where the person works.
        created: Seconds since the epoch.
    """

    email: str
    given_name: str
    family_name: str
    id: str
    is_admin: bool = False
    suspended: bool = False
    mail_enabled: bool = True
    aliases: list[str] = field(default_factory=list)
    title: str = ""
    department: str = ""
    created: int = 1_700_000_000

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.given_name} {self.family_name}".strip()


class Organization(State):
    """The users of one Workspace customer.

    Arguments called ``user`` take a primary address or an alias.

    Attributes:
        domain: Primary domain.
        customer_id: What ``my_customer`` stands for.
        users: By primary address, in the order they were added.
    """

    def __init__(self, domain: str) -> None:
        super().__init__()
        self.domain = domain
        self.customer_id = "C0" + blake2b(domain.encode(), digest_size=4).hexdigest()[:7]
        self.users: dict[str, GoogleUser] = {}

    def find(self, user: str) -> GoogleUser | None:
        """The user with an address, or None."""
        wanted = user.lower()
        found = self.users.get(wanted)
        if found is not None:
            return found
        return next((u for u in self.users.values() if wanted in (*u.aliases, u.id)), None)

    def user(self, user: str) -> GoogleUser:
        """The user with an address.

        Raises:
            LookupError: There is none.
        """
        found = self.find(user)
        if found is None:
            raise LookupError(f"no user {user!r} in {self.domain}")
        return found

    def admin(self) -> GoogleUser:
        """The first administrator.

        Raises:
            LookupError: There is none.
        """
        for user in self.users.values():
            if user.is_admin and not user.suspended:
                return user
        raise LookupError(f"{self.domain} has no administrator")

    @mutation
    def add_user(
        self,
        email: str,
        name: str,
        *,
        is_admin: bool = False,
        mail_enabled: bool = True,
        aliases: list[str] | None = None,
        title: str = "",
        department: str = "",
    ) -> str:
        """Add a person and return the primary address.

        Raises:
            ValueError: The address is taken.
        """
        address = email.lower()
        if self.find(address) is not None:
            raise ValueError(f"the address {address!r} is taken")
        given, _, family = name.partition(" ")
        digits = int.from_bytes(blake2b(address.encode(), digest_size=8).digest(), "big")
        self.users[address] = GoogleUser(
            address,
            given,
            family,
            f"1{digits % 10**20:020d}",
            is_admin=is_admin,
            mail_enabled=mail_enabled,
            aliases=[alias.lower() for alias in aliases or ()],
            title=title,
            department=department,
        )
        return address

    @mutation
    def suspend(self, user: str) -> None:
        """Switch an account off, as for somebody who left."""
        self.user(user).suspended = True

    @mutation
    def reactivate(self, user: str) -> None:
        """Undo ``suspend``."""
        self.user(user).suspended = False

    @mutation
    def set_mail_enabled(self, user: str, *, enabled: bool) -> None:
        """Give an account Gmail, or take it away."""
        self.user(user).mail_enabled = enabled

    @mutation
    def set_admin(self, user: str, *, is_admin: bool) -> None:
        """Make somebody an administrator, or no longer."""
        self.user(user).is_admin = is_admin

    @mutation
    def remove_user(self, user: str) -> None:
        """Delete an account."""
        del self.users[self.user(user).email]
