"""The values of custom fields: how they are given, kept, and shown in the change log.

What is kept in ``Issue.values`` by kind of field (the part of ``schema.custom`` after the colon):

=========================================  ====================================================
``select``, ``radiobuttons``               option id
``multiselect``, ``multicheckboxes``       tuple of option ids
``cascadingselect``                        (option id, id of the option below it or "")
``userpicker``, ``multiuserpicker``        account id, tuple of them
``grouppicker``, ``multigrouppicker``      group id, tuple of them
``multiversion``                           tuple of version ids
``project``, ``gh-epic-link``              id of a project, of an issue
``gh-sprint``                              tuple of sprint ids
``textarea``                               ADF document
``datetime``                               seconds since the epoch
others                                     text, number, or tuple of words, as they are
=========================================  ====================================================
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.jira import adf
from sandbox.jira.catalogue import FIELDS, OPTIONS
from sandbox.jira.model import Field

if TYPE_CHECKING:
    from sandbox.jira.site import Site


def find_field(name: str) -> Field:
    """A field by id or name.

    Raises:
        LookupError: There is none.
    """
    if name in FIELDS:
        return FIELDS[name]
    for field in FIELDS.values():
        if field.name == name:
            return field
    raise LookupError(f"no field {name!r}")


def kind_of(field: Field) -> str:
    """The part of ``schema.custom`` after the colon."""
    return str(field.schema.get("custom", "")).partition(":")[2]


def stored(site: "Site", field: Field, given: Any) -> Any:
    """Turn what a caller gives (names, keys, words) into what is kept.

    Raises:
        LookupError: It names something that does not exist.
    """
    if given is None:
        return None
    convert = _CONVERSIONS.get(kind_of(field))
    return given if convert is None else convert(site, field, given)


def _option(_: "Site", field: Field, given: Any) -> str:
    options = OPTIONS[field.id]
    for option, (words, _parent) in options.items():
        if given in (option, words):
            return option
    raise LookupError(f"{field.name} has no option {given!r}")


def _options(site: "Site", field: Field, given: Iterable[Any]) -> tuple[str, ...]:
    return tuple(_option(site, field, item) for item in given)


def _cascade(site: "Site", field: Field, given: Any) -> tuple[str, str]:
    upper, lower = (given, "") if isinstance(given, str) else (given[0], given[1])
    return _option(site, field, upper), _option(site, field, lower) if lower else ""


def _versions(site: "Site", _: Field, given: Iterable[str]) -> tuple[str, ...]:
    by_name = {version.name: version.id for version in site.versions.values()}
    return tuple(item if item in site.versions else by_name[item] for item in given)


_CONVERSIONS: Mapping[str, Callable[["Site", Field, Any], Any]] = {
    "select": _option,
    "radiobuttons": _option,
    "multiselect": _options,
    "multicheckboxes": _options,
    "cascadingselect": _cascade,
    "userpicker": lambda site, _, given: site.person(given).account_id,
    "multiuserpicker": lambda site, _, given: tuple(site.person(one).account_id for one in given),
    "grouppicker": lambda site, _, given: site.group(given).id,
    "multigrouppicker": lambda site, _, given: tuple(site.group(one).id for one in given),
    "multiversion": _versions,
    "project": lambda site, _, given: site.project(given).id,
    "gh-epic-link": lambda site, _, given: site.issue(given).id,
    "gh-sprint": lambda _, __, given: tuple(int(one) for one in given),
    "textarea": lambda site, _, given: site.rich_text(given),
    "labels": lambda _, __, given: tuple(given),
    "sd-customer-organizations": lambda _, __, given: tuple(given),
}


def shown(site: "Site", field: Field, value: Any) -> str | None:
    """A kept value as the change log words it."""
    if value is None:
        return None
    kind = kind_of(field)
    if kind == "textarea":
        return adf.plain(value)
    if kind == "cascadingselect":
        return " - ".join(OPTIONS[field.id][option][0] for option in value if option)
    if kind == "gh-sprint":
        return ", ".join(site.sprints[sprint].name for sprint in value)
    if isinstance(value, tuple):
        return ", ".join(_word(site, field, item) for item in value)
    return _word(site, field, value)


def _word(site: "Site", field: Field, value: Any) -> str:  # noqa: PLR0911
    kind = kind_of(field)
    if field.id in OPTIONS:
        return OPTIONS[field.id][value][0]
    if kind in ("userpicker", "multiuserpicker"):
        return site.people[value].display_name
    if kind in ("grouppicker", "multigrouppicker"):
        return site.groups[value].name
    if kind == "multiversion":
        return site.versions[value].name
    if kind == "gh-epic-link":
        return site.issues[value].key
    if kind == "project":
        return site.projects[value].name
    return str(value)
