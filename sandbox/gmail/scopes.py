"""What a token may be allowed to do with Gmail (developers.google.com/gmail/api/auth/scopes)."""

SCOPE_FULL = "https://mail.google.com/"
_AUTH = "https://www.googleapis.com/auth/"
SCOPE_READONLY = f"{_AUTH}gmail.readonly"
SCOPE_MODIFY = f"{_AUTH}gmail.modify"
SCOPE_METADATA = f"{_AUTH}gmail.metadata"
SCOPE_LABELS = f"{_AUTH}gmail.labels"
SCOPE_COMPOSE = f"{_AUTH}gmail.compose"
SCOPE_SETTINGS = f"{_AUTH}gmail.settings.basic"
CONTENT_SCOPES = frozenset({SCOPE_FULL, SCOPE_READONLY, SCOPE_MODIFY})
"""Scopes that let a token read what stands in a message."""
