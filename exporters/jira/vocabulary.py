"""Parts that the documents of issues and of projects share."""

from collections.abc import Mapping
from typing import Any

from documents.metadata import Author, Container
from documents.text import normalize_text
from exporters.jira.people import account_id


def container(site_url: str, project: Mapping[str, Any]) -> Container | None:
    """A project as the container of what is in it."""
    if not project.get("id"):
        return None
    return {
        "id": str(project["id"]),
        "name": str(project.get("name") or project.get("key") or project["id"]),
        "url": f"{site_url}/browse/{project['key']}" if project.get("key") else None,
    }


def project_facts(project: Mapping[str, Any]) -> dict[str, Any]:
    """What else documents say of their project."""
    return {
        "id": str(project["id"]) if project.get("id") else None,
        "key": project.get("key"),
        "name": project.get("name"),
        "kind": project.get("projectTypeKey"),
        "category": (project.get("projectCategory") or {}).get("name"),
    }


def author(person: Any) -> Author | None:
    """A person as documents name one; None for nobody."""
    if not isinstance(person, Mapping):
        return None
    email = person.get("emailAddress")
    return {
        "id": account_id(person) or person_name(person),
        "name": person_name(person),
        "email": str(email).lower() if email else None,
    }


def one_line(text: str) -> str:
    """A text as a title: on one line."""
    return " ".join(normalize_text(text).split())


def person_name(person: Any) -> str:
    """What a person is called."""
    if not isinstance(person, Mapping):
        return "somebody"
    return str(person.get("displayName") or person.get("name") or account_id(person) or "somebody")
