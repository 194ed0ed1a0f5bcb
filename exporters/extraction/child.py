"""The reading process: takes files from its standard input one after another, gives back texts.

It is started by `exporters.extraction.process`, confines itself with
`exporters.extraction.confinement`, and only then reads the first file. Messages both ways:
`exporters.extraction.messages`.
"""

import importlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from documents.text import normalize_text
from exporters.extraction import confinement
from exporters.extraction.archives import ArchiveLimits
from exporters.extraction.errors import (
    NO_TEXT,
    TOO_MUCH_MEMORY,
    UnreadableError,
    broken,
    skipped,
)
from exporters.extraction.kinds import KINDS, bare_media_type
from exporters.extraction.messages import receive, send
from exporters.extraction.reading import Circumstances

_DEEPEST_RECURSION = 2_000


def serve(requests: BinaryIO, answers: BinaryIO, terms: Mapping[str, Any]) -> None:
    """Reads files until there are no more.

    Args:
        requests: Where they come from.
        answers: Where texts go.
        terms: What the parent told first: the limits, and readers besides those of the house.
    """
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(_DEEPEST_RECURSION)
    peak_memory = confinement.memory_meter()
    kept = confinement.limit_resources(terms["memory_bytes"])
    if confinement.deny_files([*_libraries(), *terms["readable"]]):
        kept.append("Landlock")
    if confinement.deny_system_calls():
        kept.append("seccomp")
    send(answers, {"limits": kept}, b"")
    while (request := receive(requests)) is not None:
        about, content = request
        send(answers, {"begun": True}, b"")
        confinement.allow_seconds(terms["seconds"])
        answer, text = _answer(content, about, terms)
        confinement.stop_the_alarm()
        answer["peak_memory"] = peak_memory()
        send(answers, answer, text)
        if answer.get("is_last"):
            return


def _libraries() -> list[str]:
    """Where Python and its packages lie."""
    packages = Path(__file__).parents[1]
    documents = Path(sys.modules["documents"].__file__ or "")
    installed = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    return [sys.prefix, sys.base_prefix, *installed, str(packages), str(documents.parent)]


def _answer(
    content: bytes, about: Mapping[str, Any], terms: Mapping[str, Any]
) -> tuple[dict[str, Any], bytes]:
    try:
        text = _text(content, about, terms)
    except UnreadableError as error:
        return {"reason": str(error)}, b""
    except MemoryError:
        # What was taken stays taken in parts, so this process reads no further file.
        return {"reason": TOO_MUCH_MEMORY, "is_last": True}, b""
    except Exception as error:  # noqa: BLE001 (of a reader that is not of the house)
        return {"reason": broken("file", type(error).__name__)}, b""
    limit = terms["max_characters"]
    kept = text[:limit]
    answer = {"reason": "" if kept else NO_TEXT, "truncated": len(text) > limit}
    return answer, kept.encode("utf-8")


def _text(content: bytes, about: Mapping[str, Any], terms: Mapping[str, Any]) -> str:
    circumstances = Circumstances(
        name=about["name"],
        media_type=about["media_type"],
        max_characters=terms["max_characters"],
        archive=ArchiveLimits(terms["max_unpacked_bytes"], terms["max_entries"]),
        depth=terms["max_depth"],
    )
    place = terms["readers"].get(bare_media_type(about["media_type"]))
    if place is not None:
        module, _, function = place.partition(":")
        own: Callable[[bytes, Circumstances], str] = getattr(
            importlib.import_module(module), function
        )
        return normalize_text(own(content, circumstances))
    from exporters.extraction.readers import read  # noqa: PLC0415 (after the limits are in force)

    def refuse(kind: str) -> None:
        if kind in terms["skip_kinds"]:
            raise UnreadableError(skipped(KINDS[kind].title))

    text = read(content, circumstances, refuse)
    # What is cut off later is not worth normalising.
    return normalize_text(text[: 2 * terms["max_characters"]])


def main() -> None:
    """Runs the process on its standard input and output."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the messages.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    if os.name == "posix":
        # Whoever complains without end must not wait for somebody to listen.
        os.set_blocking(2, False)
    first = receive(requests)
    if first is not None:
        serve(requests, answers, first[0])
