"""Writes `docs/settings.md` out of the code that it describes.

python -m docs.generate            # or: make docs
python -m docs.generate --check    # tells whether it is up to date, writes nothing
"""

import json
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from documents.metadata import FIELDS, NOT_EMBEDDED, RUN_FIELDS, Author, Container
from documents.settings import CONFIG_FILE, CONFIG_VARIABLE, Settings, describe_settings
from exporters.extraction import settings as extraction_settings
from exporters.registry import SourceManifest, sources
from flows import mcp_settings
from stores.settings import DOCUMENT_INDEXES, VECTOR_STORES, describe_store_settings
from tasks import settings as task_settings
from tasks.options import SyncOptions

PAGE: Final = Path(__file__).parent / "settings.md"

DISTRIBUTION: Final = "prefect-data-getters"
"""Sources of other packages are described by those packages."""

FIELD_MEANINGS: Final = {
    "source": "The source's name, for instance `slack`.",
    "connection": "The account or tenant, by the vendor's id for it.",
    "entity": "What the item is: `message`, `thread`, `issue`, `page`, `file`, `event` ...",
    "external_id": "The vendor's id of the record that the document was made from.",
    "title": "One line without Markdown.",
    "url": "Where a person opens the item.",
    "container": "Where the item lives: a channel, a project, a space, a folder.",
    "author": "Who wrote it.",
    "created_at": "UTC, ISO 8601.",
    "updated_at": "UTC, ISO 8601; `created_at` where the source tells no other.",
    "version": "The vendor's version mark, compared for equality only.",
    "parent_id": "Document id of the parent.",
    "thread_id": "Document or native id of the conversation.",
    "access": "The principals that may read it; never empty.",
    "ingestion_timestamp": "When it was written, UTC, ISO 8601.",
    "content_hash": "Fingerprint of what a reader sees: text and metadata but access and run.",
    "access_hash": "Fingerprint of `access`.",
    "run_id": "The run that wrote it.",
    "raw_ref": "Its payload in the raw landing.",
    "extra": "What only this source has, typed: numbers stay numbers. With "
    f"`{NOT_EMBEDDED}` the document is found by its words alone.",
}
"""A sentence for each metadata field."""

_PARTS: Final[dict[str, Any]] = {"container": Container, "author": Author}


def page() -> str:
    """The whole of `docs/settings.md`."""
    ours = [found for found in sources().values() if found.distribution == DISTRIBUTION]
    blocks = [
        "# Settings, fields and sources",
        "<!-- Written by `make docs` (docs/generate.py): change the code, not this page. -->",
        _introduction(),
        *_section("Stores", "stores", describe_store_settings()),
        "Document indexes that a URL may name: "
        + _names(DOCUMENT_INDEXES)
        + "; vector stores: "
        + _names(VECTOR_STORES)
        + ". A plain path is `sqlite`.",
        *_section(
            "Tasks",
            task_settings.SECTION,
            describe_settings(task_settings.TaskSettings, task_settings.SECTION),
        ),
        *_section(
            "MCP server",
            mcp_settings.SECTION,
            describe_settings(mcp_settings.McpSettings, mcp_settings.SECTION),
        ),
        *_section(
            "Attachments",
            extraction_settings.SECTION,
            describe_settings(extraction_settings.ExtractionSettings, extraction_settings.SECTION),
        ),
        *(block for manifest in ours for block in _source_settings(manifest)),
        "## Options of a sync",
        "Flows take them as `options`; the command line offers those that have a flag.",
        _table(
            ("option", "flag", "default", "what it does"), map(_option, SyncOptions.model_fields)
        ),
        "## Metadata of a document",
        "Every document of every source has these fields; `make_document` in "
        "`documents/metadata.py` builds them. Those marked *run* tell of the run that wrote the "
        "document and do not count as its content.",
        _table(("field", "what it holds", ""), map(_metadata_field, FIELDS)),
        "## Sources",
        _table(
            ("source", "what it brings", "extra", "credentials (first variable that is set)"),
            map(_source_row, ours),
        ),
        *(block for manifest in ours for block in _selection(manifest)),
    ]
    return "\n\n".join(blocks) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Writes the page, or with `--check` tells whether it is up to date."""
    text = page()
    if "--check" in arguments:
        if PAGE.is_file() and PAGE.read_text("utf-8") == text:
            return 0
        sys.stderr.write(f"{PAGE.name} is not up to date. Run `make docs`.\n")
        return 1
    PAGE.write_text(text, "utf-8")
    return 0


def _introduction() -> str:
    return f"""\
A value comes from, in order of strength:

1. an explicit argument (an option of a command, a parameter of a flow);
2. the environment: `DATA_GETTERS_<SECTION>__<FIELD>`, for instance
   `DATA_GETTERS_SLACK__LOOKBACK_DAYS=14`;
3. a TOML file: `{CONFIG_FILE}` in the working directory, or the path in `{CONFIG_VARIABLE}`;
4. the default.

```toml
[stores]
data_directory = "/var/lib/data-getters"

[slack]
lookback_days = 14
rate_limits."conversations.history" = {{ per_minute = 20 }}
```

Mappings are joined key by key: the one number above leaves the other limits as they are. In the
environment a mapping is JSON, and two underscores go one level down. A wrong value or an unknown
key stops the command with a sentence that names it; nothing is ignored in silence."""


def _section(title: str, section: str, described: Iterable[Any]) -> list[str]:
    rows = [
        (f"`{s.name}`", f"`{s.variable}`", _default(s.default), s.unit, s.description)
        for s in described
    ]
    return [
        f"## {title}",
        f"Section `[{section}]` of the file.",
        _table(("setting", "variable", "default", "unit", "what it does"), rows),
    ]


def _source_settings(manifest: SourceManifest) -> list[str]:
    settings: type[Settings] = manifest.load(manifest.settings)
    blocks = _section(manifest.title, manifest.name, describe_settings(settings, manifest.name))
    limits = settings.model_fields["rate_limits"].get_default(call_default_factory=True)
    rows = [
        (f"`{scope}`", f"{limit.per_minute:g}", f"{limit.burst}") for scope, limit in limits.items()
    ]
    return [
        *blocks,
        f"Rate limits of {manifest.title}, for one credential:",
        _table(("scope", "per minute", "at once"), rows),
    ]


def _default(text: str) -> str:
    """A default as it is written in the file; prose and nothing stay what they are."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, dict) and value:
        return "the table below"
    return f"`{text}`" if value != "" else ""


def _option(name: str) -> tuple[str, ...]:
    field = SyncOptions.model_fields[name]
    flag = f"`--{name.replace('_', '-')}`" if name in SyncOptions.offered else ""
    default = str(field.default).lower() if isinstance(field.default, bool) else f"{field.default}"
    return (f"`{name}`", flag, f"`{default}`", field.description or "")


def _metadata_field(name: str) -> tuple[str, ...]:
    meaning = FIELD_MEANINGS[name]
    if name in _PARTS:
        parts = ", ".join(f"`{part}`" for part in _PARTS[name].__annotations__)
        meaning = f"{meaning} Holds {parts}."
    return (f"`{name}`", meaning, "*run*" if name in RUN_FIELDS else "")


def _source_row(manifest: SourceManifest) -> tuple[str, ...]:
    credentials = "; ".join(
        f"{name}: {_names(field.environment)}" for name, field in manifest.credentials.items()
    )
    return (
        f"`{manifest.name}`",
        manifest.summary,
        f"`{manifest.extra}`" if manifest.extra else "",
        credentials or "none",
    )


def _selection(manifest: SourceManifest) -> list[str]:
    module, _, name = manifest.exporter.partition(":")
    fields = getattr(import_module(module), name).selection_type.model_fields
    rows = [
        (
            f"`--{'no-' if field.default is True else ''}{name.replace('_', '-')}`",
            field.description or "",
        )
        for name, field in fields.items()
    ]
    return [
        f"### What of {manifest.title} is synced",
        f"Options of `data-getters sync {manifest.name}` and parameters of its flow.",
        _table(("option", "what it does"), rows),
    ]


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    # Vertical bars would end the cell, angle brackets would be taken for HTML.
    escaped = text.replace("|", "\\|")
    return escaped if "`" in text else escaped.replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
