"""What every site has: statuses, types, priorities, resolutions, link types, roles, fields."""

from typing import Any

from sandbox.jira.model import (
    Field,
    IssueType,
    LinkType,
    NamedValue,
    Role,
    Status,
    StatusCategory,
)

CATEGORIES = {
    category.key: category
    for category in (
        StatusCategory(1, "undefined", "No Category", "medium-gray"),
        StatusCategory(2, "new", "To Do", "blue-gray"),
        StatusCategory(4, "indeterminate", "In Progress", "yellow"),
        StatusCategory(3, "done", "Done", "green"),
    )
}
_TODO, _DOING, _DONE = (CATEGORIES[key] for key in ("new", "indeterminate", "done"))

STATUSES = (
    Status("10000", "To Do", _TODO),
    Status("10001", "Selected for Development", _TODO, "Planned, not begun."),
    Status("3", "In Progress", _DOING, "Somebody is working on it."),
    Status("10002", "In Review", _DOING, "Waits for a second pair of eyes."),
    Status("10003", "Waiting for customer", _DOING, "Support has asked back."),
    Status("10004", "Waiting for support", _DOING, "The customer has answered."),
    Status("10005", "Done", _DONE),
    Status("10006", "Resolved", _DONE, "The customer was told."),
)
ISSUE_TYPES = (
    IssueType("10000", "Epic", "A collection of related bugs, stories, and tasks.", 1),
    IssueType("10001", "Story", "Functionality expressed as a user goal."),
    IssueType("10002", "Task", "A small, distinct piece of work."),
    IssueType("10003", "Subtask", "A small piece of work that is part of a larger task.", -1),
    IssueType("10004", "Bug", "A problem or error."),
    IssueType("10005", "Incident", "An interruption of a service."),
    IssueType("10006", "Service Request", "What a customer asks for."),
)
PRIORITIES = (
    NamedValue("1", "Highest", "This problem will block progress."),
    NamedValue("2", "High", "Serious problem that could block progress."),
    NamedValue("3", "Medium", "Has the potential to affect progress."),
    NamedValue("4", "Low", "Minor problem or easily worked around."),
    NamedValue("5", "Lowest", "Trivial problem with little or no impact on progress."),
)
RESOLUTIONS = (
    NamedValue("10000", "Done", "Work has been completed on this issue."),
    NamedValue("10001", "Won't Do", "This issue won't be actioned."),
    NamedValue("10002", "Duplicate", "The problem is a duplicate of an existing issue."),
    NamedValue("10003", "Cannot Reproduce", "The problem could not be reproduced."),
)
LINK_TYPES = (
    LinkType("10000", "Blocks", "is blocked by", "blocks"),
    LinkType("10001", "Cloners", "is cloned by", "clones"),
    LinkType("10002", "Duplicate", "is duplicated by", "duplicates"),
    LinkType("10003", "Relates", "relates to", "relates to"),
    LinkType("10004", "Problem/Incident", "is caused by", "causes"),
)
ADMINISTRATORS, DEVELOPERS, VIEWERS, AGENTS, CUSTOMERS = 10002, 10100, 10101, 10102, 10103
ROLES = {
    role.id: role
    for role in (
        Role(ADMINISTRATORS, "Administrators", "Administer the project."),
        Role(DEVELOPERS, "Developers", "Work on its issues."),
        Role(VIEWERS, "Viewers", "Look at its issues."),
        Role(AGENTS, "Service Desk Team", "Answer customers."),
        Role(CUSTOMERS, "Service Desk Customers", "Raise requests in the portal."),
    )
}

_TYPES = "com.atlassian.jira.plugin.system.customfieldtypes"
_AGILE = "com.pyxis.greenhopper.jira"

EPIC_NAME = "customfield_10011"
EPIC_LINK = "customfield_10014"
START_DATE = "customfield_10015"
STORY_POINTS = "customfield_10016"
RANK = "customfield_10019"
SPRINT = "customfield_10020"
FLAGGED = "customfield_10021"
SEVERITY = "customfield_10030"
REGION = "customfield_10031"
REVIEWERS = "customfield_10032"
CONTACT = "customfield_10033"
PORTS = "customfield_10034"
IMPACT = "customfield_10035"
DETECTED = "customfield_10036"
REFERENCE = "customfield_10037"
SERVICES = "customfield_10038"
POST_MORTEM = "customfield_10039"
OWNERS = "customfield_10040"
INFORMED = "customfield_10041"
FOUND_IN = "customfield_10042"
TOLD = "customfield_10043"
RELATED = "customfield_10044"
AMOUNT = "customfield_10045"
REQUEST_TYPE = "customfield_10046"
ORGANIZATIONS = "customfield_10047"


def _system(
    id_: str,
    name: str,
    type_: str,
    *clauses: str,
    items: str = "",
    navigable: bool = True,
    rich: bool = False,
    orderable: bool = True,
) -> Field:
    schema: dict[str, Any] = {}
    if type_:
        schema = {"type": type_, **({"items": items} if items else {}), "system": id_}
    return Field(id_, name, schema, clauses or (id_,), navigable, rich, orderable)


def _custom(
    id_: str, name: str, type_: str, kind: str, *, items: str = "", rich: bool = False
) -> Field:
    number = int(id_.rpartition("_")[2])
    schema: dict[str, Any] = {"type": type_}
    if items:
        schema["items"] = items
    schema |= {"custom": kind, "customId": number}
    return Field(id_, name, schema, (f"cf[{number}]", name), rich=rich)


_LIST = (
    _system("issuekey", "Key", "", "id", "issue", "issuekey", "key", orderable=False),
    _system("summary", "Summary", "string"),
    _system("issuetype", "Issue Type", "issuetype", "issuetype", "type"),
    _system("project", "Project", "project", orderable=False),
    _system("status", "Status", "status", orderable=False),
    _system(
        "statusCategory", "Status Category", "statusCategory", "statusCategory", orderable=False
    ),
    _system("statuscategorychangedate", "Status Category Changed", "datetime", orderable=False),
    _system("priority", "Priority", "priority"),
    _system("resolution", "Resolution", "resolution"),
    _system(
        "resolutiondate", "Resolved", "datetime", "resolutiondate", "resolved", orderable=False
    ),
    _system("description", "Description", "string", rich=True),
    _system("environment", "Environment", "string", rich=True),
    _system("assignee", "Assignee", "user"),
    _system("reporter", "Reporter", "user"),
    _system("creator", "Creator", "user", orderable=False),
    _system("created", "Created", "datetime", "created", "createdDate", orderable=False),
    _system("updated", "Updated", "datetime", "updated", "updatedDate", orderable=False),
    _system("duedate", "Due date", "date", "due", "duedate"),
    _system("labels", "Labels", "array", items="string"),
    _system("components", "Components", "array", "component", items="component"),
    _system("fixVersions", "Fix versions", "array", "fixVersion", items="version"),
    _system("versions", "Affects versions", "array", "affectedVersion", items="version"),
    _system("parent", "Parent", "", "parent"),
    _system("subtasks", "Sub-tasks", "array", items="issuelinks", orderable=False),
    _system("issuelinks", "Linked Issues", "array", items="issuelinks"),
    _system("security", "Security Level", "securitylevel", "level"),
    _system("watches", "Watchers", "watches", "watchers", orderable=False),
    _system("votes", "Votes", "votes", orderable=False),
    _system("timespent", "Time Spent", "number", orderable=False),
    _system("timeestimate", "Remaining Estimate", "number", orderable=False),
    _system("timeoriginalestimate", "Original estimate", "number", orderable=False),
    _system("aggregatetimespent", "Σ Time Spent", "number", orderable=False),
    _system("aggregatetimeestimate", "Σ Remaining Estimate", "number", orderable=False),
    _system("aggregatetimeoriginalestimate", "Σ Original Estimate", "number", orderable=False),
    _system("progress", "Progress", "progress", orderable=False),
    _system("aggregateprogress", "Σ Progress", "progress", orderable=False),
    _system("issuerestriction", "Restrict to", "issuerestriction", navigable=False),
    _system("thumbnail", "Images", "", orderable=False),
    _system("timetracking", "Time tracking", "timetracking", navigable=False),
    _system("workratio", "Work Ratio", "number", orderable=False),
    _system("lastViewed", "Last Viewed", "datetime", orderable=False),
    _system("attachment", "Attachment", "array", items="attachment", navigable=False),
    _system("comment", "Comment", "comments-page", navigable=False),
    _system("worklog", "Log Work", "array", items="worklog", navigable=False),
    _custom(EPIC_NAME, "Epic Name", "string", f"{_AGILE}:gh-epic-label"),
    _custom(EPIC_LINK, "Epic Link", "any", f"{_AGILE}:gh-epic-link"),
    _custom(START_DATE, "Start date", "date", f"{_TYPES}:datepicker"),
    _custom(STORY_POINTS, "Story point estimate", "number", f"{_AGILE}:jsw-story-points"),
    _custom(RANK, "Rank", "any", f"{_AGILE}:gh-lexo-rank"),
    _custom(SPRINT, "Sprint", "array", f"{_AGILE}:gh-sprint", items="json"),
    _custom(FLAGGED, "Flagged", "array", f"{_TYPES}:multicheckboxes", items="option"),
    _custom(SEVERITY, "Severity", "option", f"{_TYPES}:select"),
    _custom(REGION, "Region", "option-with-child", f"{_TYPES}:cascadingselect"),
    _custom(REVIEWERS, "Reviewers", "array", f"{_TYPES}:multiuserpicker", items="user"),
    _custom(CONTACT, "Customer contact", "user", f"{_TYPES}:userpicker"),
    _custom(PORTS, "Ports", "array", f"{_TYPES}:labels", items="string"),
    _custom(IMPACT, "Impact", "string", f"{_TYPES}:textarea", rich=True),
    _custom(DETECTED, "Detected at", "datetime", f"{_TYPES}:datetime"),
    _custom(REFERENCE, "External reference", "string", f"{_TYPES}:textfield"),
    _custom(SERVICES, "Affected services", "array", f"{_TYPES}:multiselect", items="option"),
    _custom(POST_MORTEM, "Post-mortem", "string", f"{_TYPES}:url"),
    _custom(OWNERS, "Owning group", "group", f"{_TYPES}:grouppicker"),
    _custom(INFORMED, "Informed groups", "array", f"{_TYPES}:multigrouppicker", items="group"),
    _custom(FOUND_IN, "Found in", "array", f"{_TYPES}:multiversion", items="version"),
    _custom(TOLD, "Customers told", "option", f"{_TYPES}:radiobuttons"),
    _custom(RELATED, "Related project", "project", f"{_TYPES}:project"),
    _custom(AMOUNT, "Amount in EUR", "number", f"{_TYPES}:float"),
    _custom(
        REQUEST_TYPE,
        "Request Type",
        "sd-customerrequesttype",
        "com.atlassian.servicedesk:vp-origin",
    ),
    _custom(
        ORGANIZATIONS,
        "Organizations",
        "array",
        "com.atlassian.servicedesk:sd-customer-organizations",
        items="sd-customerorganization",
    ),
)
FIELDS = {field.id: field for field in _LIST}
"""Every field by id."""

OPTIONS: dict[str, dict[str, tuple[str, str]]] = {
    FLAGGED: {"10019": ("Impediment", "")},
    SEVERITY: {"10100": ("SEV-1", ""), "10101": ("SEV-2", ""), "10102": ("SEV-3", "")},
    REGION: {
        "10110": ("Nordics", ""),
        "10111": ("Stavanger", "10110"),
        "10112": ("Gothenburg", "10110"),
        "10113": ("Iberia", ""),
        "10114": ("Lisbon", "10113"),
        "10115": ("Palma", "10113"),
        "10116": ("Scotland", ""),
        "10117": ("Ullapool", "10116"),
    },
    SERVICES: {
        "10120": ("payment-service", ""),
        "10121": ("booking-api", ""),
        "10122": ("timetable-import", ""),
        "10123": ("ticket-wallet", ""),
        "10124": ("keyring", ""),
    },
    TOLD: {"10130": ("Yes", ""), "10131": ("No", ""), "10132": ("Not needed", "")},
}
"""Options of the fields that have some: by option id, its words and its parent's id."""

PERMISSIONS: dict[str, tuple[int, str]] = {
    "ADMINISTER": (0, "Administer Jira"),
    "USER_PICKER": (27, "Browse users and groups"),
    "ADMINISTER_PROJECTS": (23, "Administer Projects"),
    "BROWSE_PROJECTS": (10, "Browse Projects"),
    "CREATE_ISSUES": (11, "Create Issues"),
    "EDIT_ISSUES": (12, "Edit Issues"),
    "ADD_COMMENTS": (15, "Add Comments"),
    "SET_ISSUE_SECURITY": (26, "Set Issue Security"),
    "VIEW_DEV_TOOLS": (29, "View Development Tools"),
}
"""Permissions by key: the old number and the name. The first two are global."""

GLOBAL_PERMISSIONS = ("ADMINISTER", "USER_PICKER")
