"""A request as a handler sees it: who asks for what, with which parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.jira.errors import bad_request, no_such_issue, no_such_project
from sandbox.jira.index import Index
from sandbox.jira.issue_payloads import IssuePayloads
from sandbox.jira.model import Issue, Project
from sandbox.jira.payloads import Payload
from sandbox.jira.site import Site
from sandbox.jira.switches import Switches
from sandbox.jira.viewer import Viewer

Query = Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Asked:
    """The parameters of a request; a JSON body's fields are among them.

    Attributes:
        path: Parts of the path by name.
        query: Query parameters, each with all its values.
        body: The JSON body; an empty object for none.
        problem: Why the body cannot be read, if it cannot.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: Query = field(default_factory=dict)
    body: Any = field(default_factory=dict)
    problem: str = ""

    def flat(self) -> dict[str, str]:
        """All parameters as text, for the request log and for faults to match."""
        shown = {name: ",".join(values) for name, values in self.query.items()}
        if isinstance(self.body, dict):
            for name, value in self.body.items():
                items = value if isinstance(value, list) else [value]
                shown[name] = ",".join(str(item) for item in items)
        return shown | dict(self.path)


@dataclass(slots=True)
class Asking:
    """One request being answered. The site's lock is held."""

    site: Site
    viewer: Viewer
    make: IssuePayloads
    index: Index
    switches: Switches
    asked: Asked
    site_url: str
    headers: dict[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a parameter is there."""
        return name in self.asked.query or name in self._body()

    def text(self, name: str, default: str = "") -> str:
        """A parameter as text."""
        if name in self.asked.path:
            return self.asked.path[name]
        if name in self.asked.query:
            return self.asked.query[name][0]
        value = self._body().get(name)
        return default if value is None else str(value)

    def listing(self, name: str) -> list[str]:
        """A parameter that may come more than once, or as a list with commas."""
        if name in self.asked.query:
            values = self.asked.query[name]
            return [part.strip() for value in values for part in value.split(",") if part.strip()]
        value = self._body().get(name)
        if value is None:
            return []
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list):
            raise bad_request(f"'{name}' must be an array.")
        return [str(item) for item in value]

    def integer(self, name: str, default: int) -> int:
        """A whole number.

        Raises:
            JiraError: 400 for anything else.
        """
        text = self.text(name)
        if not text:
            return default
        try:
            return int(text)
        except ValueError:
            raise bad_request(f"'{text}' is not a whole number for '{name}'.") from None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """``true`` or ``false``."""
        text = self.text(name)
        return text.lower() == "true" if text else default

    def expand(self) -> set[str]:
        """What is to be expanded."""
        return set(self.listing("expand"))

    def issue(self, name: str = "issue") -> Issue:
        """The issue of the path, if the viewer may see it.

        Raises:
            JiraError: 404.
        """
        return self.visible_issue(self.asked.path[name])

    def visible_issue(self, issue: str) -> Issue:
        """An issue the viewer may see.

        Raises:
            JiraError: 404.
        """
        found = self.site.find_issue(issue)
        if found is None or not self.viewer.may_see(found):
            raise no_such_issue()
        return found

    def project(self) -> Project:
        """The project of the path, if the viewer may see it; archived ones are the admins'.

        Raises:
            JiraError: 404.
        """
        wanted = self.asked.path["project"]
        found = self.site.find_project(wanted)
        if found is None:
            raise no_such_project(wanted)
        seen = self.viewer.is_admin if found.archived_at else self.viewer.may_browse(found)
        if not seen and not self.viewer.administers(found):
            raise no_such_project(wanted)
        return found

    def page(
        self,
        values: Sequence[Any],
        *,
        most: int = 100,
        default: int = 50,
    ) -> tuple[Sequence[Any], Payload]:
        """One page of a list by ``startAt`` and ``maxResults``.

        Returns:
            The values of the page, and ``startAt``, ``maxResults``, ``total`` and ``isLast``.

        Raises:
            JiraError: 400 for a negative number.
        """
        start, size = self.integer("startAt", 0), self.integer("maxResults", default)
        if start < 0 or size < 0:
            raise bad_request("startAt and maxResults must not be negative.")
        size = min(size, most)
        start = 0 if self.switches.ignore_start_at else start
        taken = -(-size // 2) if self.switches.short_pages and size > 1 else size
        shown = values[start : start + taken]
        return shown, {
            "maxResults": size,
            "startAt": start,
            "total": len(values),
            "isLast": start + len(shown) >= len(values),
        }

    def page_bean(self, values: Sequence[Payload], path: str, **sizes: int) -> Payload:
        """A page with ``self``, ``nextPage`` and ``values``."""
        shown, head = self.page(values, **sizes)
        payload: Payload = {"self": self.make.url(path), **head, "values": list(shown)}
        if not head["isLast"]:
            after, size = head["startAt"] + len(shown), head["maxResults"]
            sign = "&" if "?" in path else "?"
            payload["nextPage"] = self.make.url(f"{path}{sign}startAt={after}&maxResults={size}")
        return payload

    def _body(self) -> Mapping[str, Any]:
        return self.asked.body if isinstance(self.asked.body, dict) else {}
