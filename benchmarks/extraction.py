"""Measures the reading of attachments: files a second and memory, by kind of file.

Each kind is read by a process of its own, all of its files several times over; the fastest round
counts. Seconds are on the clock, with the way to the process and back. Memory is the most that the
reading process held. Also: what the first file of a process costs, its start included.

Run:
    python -m benchmarks.extraction --files FOLDER
    python -m benchmarks.extraction --files FOLDER --repeat 20
"""

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from exporters.extraction import ExtractionSettings, Extractor
from exporters.extraction.kinds import KINDS, declared_kind

Files = Sequence[tuple[str, bytes]]


def main(arguments: Sequence[str]) -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", required=True, type=Path, help="folder of files")
    parser.add_argument("--repeat", type=int, default=10, help="rounds")
    options = parser.parse_args(arguments)
    by_kind: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for path in sorted(options.files.rglob("*")):
        if path.is_file() and (kind := declared_kind(path.name, None)):
            by_kind[kind].append((path.name, path.read_bytes()))
    if not by_kind:
        sys.stderr.write(f"There is no file with text in {options.files}.\n")
        return 64
    console = Console()
    console.print(_kinds(by_kind, options.repeat))
    console.print(_starts(by_kind))
    return 0


def _kinds(by_kind: dict[str, list[tuple[str, bytes]]], repeat: int) -> Table:
    table = Table("kind", "files", "kB", "with text", "files a second", "MB a second", "peak MB")
    for kind in KINDS:
        if not (files := by_kind.get(kind)):
            continue
        with _extractor() as extractor:
            with_text = _read(extractor, files)
            seconds = min(_timed(extractor, files) for _ in range(repeat))
            peak = extractor.peak_memory
        size = sum(len(content) for _, content in files)
        table.add_row(
            kind,
            f"{len(files)}",
            f"{size / 1e3:,.0f}",
            f"{with_text}",
            f"{len(files) / seconds:,.0f}",
            f"{size / seconds / 1e6:,.1f}",
            f"{peak / 1e6:,.0f}",
        )
    return table


def _starts(by_kind: dict[str, list[tuple[str, bytes]]]) -> Table:
    table = Table("first file of a process", "milliseconds (median of 5)")
    firsts = {"plain text": [("a.txt", b"words")]} | {
        kind: by_kind[kind][:1] for kind in ("pdf", "docx", "xlsx", "pptx") if by_kind.get(kind)
    }
    for name, files in firsts.items():
        table.add_row(name, f"{1_000 * statistics.median(_first(files) for _ in range(5)):,.0f}")
    return table


def _first(files: Files) -> float:
    with _extractor() as extractor:
        return _timed(extractor, files)


def _extractor() -> Extractor:
    return Extractor(ExtractionSettings(workers=1, cache_bytes=0, files_per_process=1_000_000))


def _timed(extractor: Extractor, files: Iterable[tuple[str, bytes]]) -> float:
    begun = time.perf_counter()
    _read(extractor, files)
    return time.perf_counter() - begun


def _read(extractor: Extractor, files: Iterable[tuple[str, bytes]]) -> int:
    """Reads all, and tells how many have a text."""
    found = [extractor.extract(content, name=name, mime_type=None) for name, content in files]
    return sum(one.text is not None for one in found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
