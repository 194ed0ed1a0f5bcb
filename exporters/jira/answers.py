"""Taking answers of Jira apart, whatever they turn out to be."""

from typing import Any

from exporters.errors import InvalidDataError, TransientError


def items_of(body: Any, key: str, name: str) -> list[dict[str, Any]]:
    """The items of an answer, which must be there: a listing must not lose some in silence.

    Raises:
        TransientError: It is not an answer to what was asked.
        InvalidDataError: One of the items is no object.
    """
    found = body.get(key) if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise _without(name, key)
    return only_objects(found, name)


def only_objects(items: list[Any], name: str) -> list[dict[str, Any]]:
    """Items that have to be objects, each of them.

    Raises:
        InvalidDataError: One is none.
    """
    for item in items:
        if not isinstance(item, dict):
            kind = "nothing" if item is None else f"a {type(item).__name__}"
            raise InvalidDataError(f"Jira gave {kind} among {name}, where an object belongs.")
    return items


def is_granted(body: Any, permission: str) -> bool:
    """Whether the account has a permission, which must be told: else a right would seem lost.

    Raises:
        TransientError: It is not an answer to what was asked.
    """
    granted = as_object(as_object(as_object(body).get("permissions")).get(permission))
    if not isinstance(found := granted.get("havePermission"), bool):
        raise _without("the account's permissions", permission)
    return found


def _without(name: str, key: str) -> TransientError:
    return TransientError(
        f"Jira answered {name} without {key!r}.",
        hint="It is asked again; if it lasts, check base_url and proxies on the way.",
    )


def as_object(value: Any) -> dict[str, Any]:
    """A value as an object; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def as_objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
