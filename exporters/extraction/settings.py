"""Limits of reading attachments."""

from functools import lru_cache
from typing import Annotated, Final

from pydantic import Field, field_validator

from documents.settings import Bytes, Seconds, Settings, Unit, load_settings
from exporters.extraction.kinds import KINDS

SECTION: Final = "attachments"


class ExtractionSettings(Settings):
    """Settings of reading attachments. Immutable; read by `extraction_settings`."""

    enabled: bool = Field(
        default=True, description="Whether the text of attachments is read at all."
    )
    max_input_bytes: Bytes = Field(
        default=25_000_000, description="Largest file that is read; a larger one has no text."
    )
    max_characters: Annotated[int, Field(ge=1), Unit("characters")] = Field(
        default=1_000_000,
        description=(
            "Text kept of one file, as much as a document holds; the rest is cut, with a flag."
        ),
    )
    seconds: Seconds = Field(
        default=30, description="Longest time for one file, on the clock and of the processor."
    )
    memory_bytes: Annotated[int, Field(ge=256 * 1024 * 1024), Unit("bytes")] = Field(
        default=1024 * 1024 * 1024,
        description=(
            "Address space of a reading process (at least 256 MiB; the libraries need some 130). "
            "Linux keeps it; macOS and Windows have no such limit."
        ),
    )
    max_unpacked_bytes: Bytes = Field(
        default=250_000_000,
        description="Size to which an office file or book may unpack; a larger one is not opened.",
    )
    max_entries: Annotated[int, Field(ge=1), Unit("files")] = Field(
        default=10_000, description="Files that an office file or book may hold inside."
    )
    max_depth: Annotated[int, Field(ge=0, le=10), Unit("levels")] = Field(
        default=3, description="How deep attachments of attached mails are read."
    )
    workers: Annotated[int, Field(ge=1, le=64), Unit("processes")] = Field(
        default=2, description="Reading processes at once; each is started when first needed."
    )
    files_per_process: Annotated[int, Field(ge=1), Unit("files")] = Field(
        default=500, description="Files after which a reading process is replaced by a fresh one."
    )
    cache_bytes: Annotated[int, Field(ge=0), Unit("bytes")] = Field(
        default=32_000_000,
        description="Recent results kept, so that a file sent round in ten mails is read once.",
    )
    skip_kinds: tuple[str, ...] = Field(
        default=(),
        examples=[["xlsx", "csv"]],
        description=f"Kinds of file whose text is left out: {', '.join(KINDS)}.",
    )

    @field_validator("skip_kinds")
    @classmethod
    def _are_known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [kind for kind in kinds if kind not in KINDS]:
            raise ValueError(f"kinds out of {', '.join(KINDS)}; {unknown[0]!r} is none")
        return kinds


@lru_cache(maxsize=1)
def extraction_settings() -> ExtractionSettings:
    """The settings of this process, read once.

    Raises:
        ConfigurationError: A value makes no sense, a key is unknown, or the file cannot be read.
    """
    return load_settings(ExtractionSettings, SECTION)
