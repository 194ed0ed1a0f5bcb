"""What JQL means: conditions over issues, and the order they come in.

Dates without a zone are read in the time zone of who asks, to the minute; a number is milliseconds
since the epoch, which is free of zones.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.jira import adf
from sandbox.jira.catalogue import (
    CATEGORIES,
    EPIC_LINK,
    FIELDS,
    ISSUE_TYPES,
    OPTIONS,
    PRIORITIES,
    RESOLUTIONS,
    SPRINT,
    STATUSES,
)
from sandbox.jira.custom_fields import kind_of
from sandbox.jira.errors import JiraError, bad_request
from sandbox.jira.jql import Both, Clause, Not, Order, Query, Term, Value
from sandbox.jira.model import Field, Issue
from sandbox.jira.times import milliseconds, zone
from sandbox.jira.viewer import Viewer

Condition = Callable[[Issue], bool]

_DATE_FORMS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
_PERIOD = re.compile(r"([+-]?)((?:\d+[mhdw]\s*)+)\Z")
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_ALIASES = {
    "id": "issuekey",
    "issue": "issuekey",
    "key": "issuekey",
    "workitem": "issuekey",
    "workitemkey": "issuekey",
    "type": "issuetype",
    "createddate": "created",
    "updateddate": "updated",
    "resolved": "resolutiondate",
    "due": "duedate",
    "fixversion": "fixversions",
    "affectedversion": "versions",
    "component": "components",
    "level": "security",
}
_DATES: dict[str, Callable[[Issue], float | None]] = {
    "created": lambda issue: issue.created,
    "updated": lambda issue: issue.updated,
    "resolutiondate": lambda issue: issue.resolved,
    "statuscategorychangedate": lambda issue: issue.status_changed,
}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": lambda left, right: left == right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
}
_NEGATED = {"!=": "=", "not in": "in", "is not": "is", "!~": "~"}


class Meaning:
    """Reads a query for one viewer."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._site = viewer.site

    def condition(self, clause: Clause | None) -> Condition:
        """Whether an issue is meant.

        Raises:
            JiraError: 400 for a field, value or operator that does not exist.
        """
        if clause is None:
            return lambda _: True
        if isinstance(clause, Not):
            inner = self.condition(clause.clause)
            return lambda issue: not inner(issue)
        if isinstance(clause, Both):
            parts = [self.condition(part) for part in clause.clauses]
            if clause.word == "and":
                return lambda issue: all(part(issue) for part in parts)
            return lambda issue: any(part(issue) for part in parts)
        return self._term(clause)

    def sort_key(self, query: Query) -> Callable[[Issue], tuple[float, ...]]:
        """Numbers that put issues in the query's order; the id decides among equals."""
        keys = [self._order(order) for order in query.order] or [_newest_first]
        return lambda issue: (*(number for key in keys for number in key(issue)), float(issue.id))

    def _term(self, term: Term) -> Condition:
        field = self._field(term.field)
        operator = _NEGATED.get(term.operator, term.operator)
        condition = self._positive(field, term, operator)
        if term.operator not in _NEGATED:
            return condition
        if term.operator == "is not" or any(value.kind == "empty" for value in term.values):
            return lambda issue: not condition(issue)
        # As in SQL, what has no value is not different from one.
        return lambda issue: self._has_value(field, issue) and not condition(issue)

    def _positive(self, field: Field, term: Term, operator: str) -> Condition:
        name = field.id.lower()
        if any(value.kind == "empty" for value in term.values):
            if operator not in ("is", "=", "in"):
                raise bad_request(f"The operator '{operator}' is not supported with EMPTY.")
            return lambda issue: not self._has_value(field, issue)
        if name in _DATES or name == "duedate" or field.schema.get("type") in ("date", "datetime"):
            return self._date(field, term, operator)
        if operator == "~":
            return self._contains(field, term.values[0].text)
        if name == "issuekey":
            return self._issue(term, operator)
        if operator not in ("=", "in"):
            if field.schema.get("type") == "number":
                return self._number(field, term, operator)
            raise bad_request(
                f"The operator '{term.operator}' is not supported by the '{term.field}' field."
            )
        wanted = {one for value in term.values for one in self._resolved(field, term, value)}
        return lambda issue: not wanted.isdisjoint(self._held(field, issue))

    def _field(self, name: str) -> Field:
        wanted = _ALIASES.get(name.lower(), name.lower())
        for field in FIELDS.values():
            names = (field.id.lower(), field.name.lower(), *(c.lower() for c in field.clauses))
            if wanted in names:
                return field
        raise bad_request(
            f"Field '{name}' does not exist or you do not have permission to view it."
        )

    # --- values -----------------------------------------------------------------------------------

    def _resolved(self, field: Field, term: Term, value: Value) -> Iterable[Any]:
        """What a value of a query stands for, in the form ``_held`` gives."""
        if value.kind == "function":
            return self._function(value)
        found = list(self._named(field, value.text))
        if not found:
            raise bad_request(
                f"The value '{value.text}' does not exist for the field '{term.field}'."
            )
        return found

    def _function(self, value: Value) -> Iterable[Any]:
        if value.text.lower() == "currentuser":
            return [self._viewer.id]
        if value.text.lower() == "membersof":
            group = self._site.find_group(value.arguments[0]) if value.arguments else None
            return [] if group is None else group.members
        if value.text.lower() in ("opensprints", "closedsprints", "futuresprints"):
            state = {"o": "active", "c": "closed", "f": "future"}[value.text[0].lower()]
            return [one.id for one in self._site.sprints.values() if one.state == state]
        raise bad_request(f"Unable to find JQL function '{value.text}()'.")

    def _named(self, field: Field, text: str) -> Iterable[Any]:  # noqa: PLR0911
        lower = text.lower()
        match field.id:
            case "project":
                return [
                    project.id
                    for project in self._viewer.browsable()
                    if lower in (str(project.id), project.key.lower(), project.name.lower())
                    or text.upper() in project.old_keys
                ]
            case "status":
                return [s.id for s in STATUSES if lower in (s.id, s.name.lower())]
            case "statusCategory":
                return [
                    c.key
                    for c in CATEGORIES.values()
                    if lower in (str(c.id), c.key, c.name.lower())
                ]
            case "issuetype":
                return [t.id for t in ISSUE_TYPES if lower in (t.id, t.name.lower())]
            case "priority":
                return [p.id for p in PRIORITIES if lower in (p.id, p.name.lower())]
            case "resolution":
                return [r.id for r in RESOLUTIONS if lower in (r.id, r.name.lower())]
            case "assignee" | "reporter" | "creator":
                person = self._site.find_person(text)
                return [] if person is None else [person.account_id]
            case "labels":
                return [text]
            case "parent":
                issue = self._site.find_issue(text)
                return [] if issue is None else [issue.id]
            case _:
                return self._named_more(field, text)

    def _named_more(self, field: Field, text: str) -> Iterable[Any]:  # noqa: PLR0911
        lower = text.lower()
        if field.id in ("components", "fixVersions", "versions"):
            registry: Any = (
                self._site.components if field.id == "components" else self._site.versions
            )
            return [one.id for one in registry.values() if lower in (one.id, one.name.lower())]
        if field.id == "security":
            levels = [
                level
                for scheme in self._site.security_schemes.values()
                for level in scheme.levels.values()
            ]
            return [one.id for one in levels if lower in (str(one.id), one.name.lower())]
        if field.id == SPRINT:
            sprints = self._site.sprints.values()
            return [one.id for one in sprints if lower in (str(one.id), one.name.lower())]
        if field.id in OPTIONS:
            options = OPTIONS[field.id].items()
            return [option for option, (words, _) in options if lower in (option, words.lower())]
        if field.id == EPIC_LINK:
            issue = self._site.find_issue(text)
            return [] if issue is None else [issue.id]
        if kind_of(field) in ("userpicker", "multiuserpicker"):
            person = self._site.find_person(text)
            return [] if person is None else [person.account_id]
        return [text]

    def _held(self, field: Field, issue: Issue) -> Iterable[Any]:
        """What an issue has in a field, as comparable values."""
        held = _HELD.get(field.id)
        if held is not None:
            return [one for one in held(issue) if one not in (None, "")]
        value = issue.values.get(field.id)
        if value is None:
            return ()
        return value if isinstance(value, tuple) else (value,)

    def _has_value(self, field: Field, issue: Issue) -> bool:
        name = field.id.lower()
        if name in _DATES:
            return _DATES[name](issue) is not None
        match field.id:
            case "description" | "environment":
                return getattr(issue, field.id) is not None
            case "duedate":
                return bool(issue.due_date)
            case "comment":
                return bool(issue.comments)
            case "attachment":
                return bool(issue.attachments)
        return any(True for _ in self._held(field, issue))

    # --- kinds of terms ---------------------------------------------------------------------------

    def _issue(self, term: Term, operator: str) -> Condition:
        if operator in ("=", "in"):
            ids = set()
            for value in term.values:
                found = self._site.find_issue(value.text)
                if found is None or not self._viewer.may_see(found):
                    raise bad_request(
                        f"An issue with key '{value.text}' does not exist for field '{term.field}'."
                    )
                ids.add(found.id)
            return lambda issue: issue.id in ids
        compare = self._comparison(term, operator)
        text = term.values[0].text
        if text.isdigit():
            return lambda issue: compare(issue.id, int(text))
        found = self._site.find_issue(text)
        if found is None:
            raise bad_request(f"An issue with key '{text}' does not exist for field 'key'.")
        place, number = found.project, found.number
        return lambda issue: issue.project == place and compare(issue.number, number)

    def _comparison(self, term: Term, operator: str) -> Callable[[float, float], bool]:
        if operator not in _COMPARE:
            raise bad_request(
                f"The operator '{term.operator}' is not supported by the '{term.field}' field."
            )
        return _COMPARE[operator]

    def _number(self, field: Field, term: Term, operator: str) -> Condition:
        compare, text = self._comparison(term, operator), term.values[0].text
        try:
            wanted = float(text)
        except ValueError:
            raise bad_request(f"'{text}' is not a number for field '{term.field}'.") from None
        return lambda issue: any(compare(one, wanted) for one in self._held(field, issue))

    def _contains(self, field: Field, text: str) -> Condition:
        words = text.lower().strip("*").split()

        def condition(issue: Issue) -> bool:
            if field.id == "summary":
                held = issue.summary
            elif field.id == "description":
                held = adf.plain(issue.description)
            elif field.id == "comment":
                held = " ".join(adf.plain(one.body) for one in self._viewer.comments(issue))
            else:
                held = " ".join(str(one) for one in self._held(field, issue))
            return all(word in held.lower() for word in words)

        return condition

    def _date(self, field: Field, term: Term, operator: str) -> Condition:
        compare = self._comparison(term, operator)
        wanted = self._moment(term.field, term.values[0])
        read = _DATES.get(field.id.lower())
        if read is not None:
            moment = read

            def condition(issue: Issue) -> bool:
                held = moment(issue)
                return held is not None and compare(milliseconds(held), milliseconds(wanted))

            return condition
        day = datetime.fromtimestamp(wanted, zone(self._viewer.tz)).date().toordinal()

        def on_day(issue: Issue) -> bool:
            held = issue.due_date if field.id == "duedate" else issue.values.get(field.id)
            if not held:
                return False
            if isinstance(held, float):
                return compare(milliseconds(held), milliseconds(wanted))
            return compare(datetime.fromisoformat(held).date().toordinal(), day)

        return on_day

    def _moment(self, name: str, value: Value) -> float:
        """The moment a value means, in seconds since the epoch."""
        now = self._site.clock()
        here = zone(self._viewer.tz)
        if value.kind == "function":
            return self._moment_function(value, now)
        if value.text.lstrip("-").isdigit():
            return int(value.text) / 1000
        period = _period(value.text)
        if period is not None:
            return now + period
        for form in _DATE_FORMS:
            try:
                return datetime.strptime(value.text, form).replace(tzinfo=here).timestamp()
            except ValueError:
                continue
        raise bad_request(
            f"Date value '{value.text}' for field '{name}' is invalid. Valid formats include: "
            "'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period "
            "format e.g. '-5d', '4w 2d'."
        )

    def _moment_function(self, value: Value, now: float) -> float:
        name = value.text.lower()
        if name == "now":
            return now
        if name in ("startofday", "endofday"):
            today = datetime.fromtimestamp(now, zone(self._viewer.tz))
            begin = today.replace(hour=0, minute=0, second=0, microsecond=0)
            moved = begin + timedelta(days=1 if name == "endofday" else 0)
            offset = _period(value.arguments[0]) if value.arguments else None
            return moved.timestamp() + (offset or 0.0)
        raise bad_request(f"Unable to find JQL function '{value.text}()'.")

    # --- order ------------------------------------------------------------------------------------

    def _order(self, order: Order) -> Callable[[Issue], tuple[float, ...]]:
        name = order.field.lower()
        field_id = "id" if name == "id" else self._field(order.field).id.lower()
        key = self._orderings().get(field_id)
        if key is None:
            raise JiraError(400, f"Field '{order.field}' cannot be used in the order by clause.")
        descending = bool(order.descending) if order.descending is not None else field_id in _DATES
        sign = -1.0 if descending else 1.0
        return lambda issue: tuple(sign * number for number in key(issue))

    def _orderings(self) -> dict[str, Callable[[Issue], tuple[float, ...]]]:
        keys = sorted(project.key for project in self._site.projects.values())
        rank = {p.id: float(keys.index(p.key)) for p in self._site.projects.values()}
        statuses = {status.id: float(n) for n, status in enumerate(STATUSES)}
        dates = {
            name: lambda issue, read=read: (float(milliseconds(read(issue) or 0)),)
            for name, read in _DATES.items()
        }
        return {
            **dates,
            "id": lambda issue: (float(issue.id),),
            "issuekey": lambda issue: (rank[issue.project], float(issue.number)),
            "project": lambda issue: (rank[issue.project],),
            "priority": lambda issue: (float(issue.priority.id),),
            "status": lambda issue: (statuses[issue.status.id],),
            "duedate": lambda issue: (
                datetime.fromisoformat(issue.due_date).replace(tzinfo=UTC).timestamp()
                if issue.due_date
                else float("inf"),
            ),
        }


def _period(text: str) -> float | None:
    """Seconds of ``-5d`` or ``4w 2d``; None for what is no period."""
    match = _PERIOD.match(text)
    if match is None:
        return None
    parts = re.findall(r"(\d+)([mhdw])", match[2])
    seconds = sum(int(count) * _UNITS[unit] for count, unit in parts)
    return float(-seconds if match[1] == "-" else seconds)


def _newest_first(issue: Issue) -> tuple[float, ...]:
    return (-float(milliseconds(issue.created)),)


_HELD: dict[str, Callable[[Issue], Iterable[Any]]] = {
    "project": lambda issue: (issue.project,),
    "status": lambda issue: (issue.status.id,),
    "statusCategory": lambda issue: (issue.status.category.key,),
    "issuetype": lambda issue: (issue.type.id,),
    "priority": lambda issue: (issue.priority.id,),
    "resolution": lambda issue: (issue.resolution and issue.resolution.id,),
    "assignee": lambda issue: (issue.assignee,),
    "reporter": lambda issue: (issue.reporter,),
    "creator": lambda issue: (issue.creator,),
    "labels": lambda issue: issue.labels,
    "components": lambda issue: issue.components,
    "fixVersions": lambda issue: issue.fix_versions,
    "versions": lambda issue: issue.versions,
    "parent": lambda issue: (issue.parent,),
    "security": lambda issue: (issue.security,),
    "summary": lambda issue: (issue.summary,),
}
