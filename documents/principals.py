"""Who may read a document, in one syntax for every source.

A document's `access` is a list of principals and never empty:

- `public`: everybody, on the open internet too;
- `workspace:<id>`: the members of a tenant (a Slack team, an Atlassian site);
- `domain:<d>`: everybody with an address of that domain;
- `group:<source>:<id>`: a group of the source (a private channel, a user group, a project role);
- `user:<email>`, or `user:<source>:<id>` where the source tells no address;
- `deny:all`: nobody. What could not be read is this, never public.

Who is in a workspace or a group is kept in its own table (see `stores.ledger`) and is not expanded
into documents: a person who joins a channel changes one row there and no document.
"""

import re
from collections.abc import Iterable

PUBLIC = "public"
DENY_ALL = "deny:all"

_PRINCIPAL = re.compile(r"public|deny:all|(?:workspace|domain|user):\S+|group:[^\s:]+:\S+")


def workspace(identifier: str) -> str:
    """The principal of a tenant's members."""
    return f"workspace:{identifier}"


def domain(name: str) -> str:
    """The principal of everybody with an address at a domain."""
    return f"domain:{name.lower()}"


def group(source: str, identifier: str) -> str:
    """The principal of a source's group, for instance a private channel."""
    return f"group:{source}:{identifier}"


def user(email: str) -> str:
    """The principal of a person, by e-mail address (compared without case)."""
    return f"user:{email.strip().lower()}"


def user_without_email(source: str, identifier: str) -> str:
    """The principal of an account whose address the source does not tell."""
    return f"user:{source}:{identifier}"


def is_principal(value: str) -> bool:
    """Whether a text has the form of a principal."""
    return _PRINCIPAL.fullmatch(value) is not None


def normalize_access(principals: Iterable[str]) -> list[str]:
    """Sorts an access list and makes it safe.

    An empty list becomes `deny:all`, because Elasticsearch takes an empty list for a missing field
    and a filter on a missing field fails open. `deny:all` beside others wins over them, `public`
    makes the others redundant.

    Raises:
        ValueError: An entry is not a principal.
    """
    unique = set(principals)
    for principal in unique:
        if not is_principal(principal):
            raise ValueError(f"not a principal: {principal!r}")
    if not unique or DENY_ALL in unique:
        return [DENY_ALL]
    if PUBLIC in unique:
        return [PUBLIC]
    return sorted(unique)
