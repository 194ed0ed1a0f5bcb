"""Measures the reading of attachments: files a second and memory, by kind of file.

CPU seconds of the reading process and of the asking one count, not the time on the clock. Each kind
is read by processes of its own; what reading all its files many times over costs more than reading
them once is the cost of the further rounds, without start and imports. Of several measurements the
smallest counts. Memory is the most that the reading process held. Also: what the first file of a
process costs on the clock, its start included; and what large files cost
(`benchmarks.large_files`).

Run:
    python -m benchmarks.extraction --files FOLDER
    python -m benchmarks.extraction --files FOLDER --rounds 50 --repeat 7
"""

import argparse
import resource
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.large_files import LARGE_FILES, Words
from exporters.extraction import ExtractionSettings, Extractor
from exporters.extraction.kinds import KINDS, declared_kind

Files = Sequence[tuple[str, bytes]]


def main(arguments: Sequence[str]) -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", required=True, type=Path, help="folder of files")
    parser.add_argument("--rounds", type=int, default=20, help="how often all files are read")
    parser.add_argument("--repeat", type=int, default=5, help="measurements")
    options = parser.parse_args(arguments)
    by_kind: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for path in sorted(options.files.rglob("*")):
        if path.is_file() and (kind := declared_kind(path.name, None)):
            by_kind[kind].append((path.name, path.read_bytes()))
    if not by_kind:
        sys.stderr.write(f"There is no file with text in {options.files}.\n")
        return 64
    console = Console()
    console.print(_kinds(by_kind, options.rounds, options.repeat))
    console.print(_starts(by_kind))
    console.print(_large())
    return 0


def _kinds(by_kind: dict[str, list[tuple[str, bytes]]], rounds: int, repeat: int) -> Table:
    columns = "kind", "files", "kB", "with text", "files a CPU second", "MB a CPU second", "peak MB"
    table = Table(*columns)
    for kind in KINDS:
        if not (files := by_kind.get(kind)):
            continue
        once = min(_cpu_seconds(files, 1) for _ in range(repeat))
        often = min(_cpu_seconds(files, rounds + 1) for _ in range(repeat))
        seconds = (often - once) / rounds
        with _extractor() as extractor:
            with_text = _read(extractor, files)
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


def _cpu_seconds(files: Files, rounds: int) -> float:
    """What it costs to start a process and read all files so many times over, all told."""
    before = _used()
    with _extractor() as extractor:
        for _ in range(rounds):
            _read(extractor, files)
    return _used() - before


def _used() -> float:
    """CPU seconds of this process and of its children that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _starts(by_kind: dict[str, list[tuple[str, bytes]]]) -> Table:
    table = Table("first file of a process", "milliseconds (median of 5)")
    firsts = {"plain text": [("a.txt", b"words")]} | {
        kind: by_kind[kind][:1] for kind in ("pdf", "docx", "xlsx", "pptx") if by_kind.get(kind)
    }
    for name, files in firsts.items():
        table.add_row(name, f"{1_000 * statistics.median(_first(files) for _ in range(5)):,.0f}")
    return table


def _large() -> Table:
    table = Table("large file", "MB", "CPU seconds", "peak MB", "characters", "cut")
    words = Words()
    for name, make in LARGE_FILES.items():
        content = make(words)
        before = _used()
        with _extractor() as extractor:
            found = extractor.extract(content, name=name, mime_type=None)
            peak = extractor.peak_memory
        seconds = _used() - before
        characters = f"{len(found.text):,}" if found.text else found.reason
        table.add_row(
            name,
            f"{len(content) / 1e6:,.1f}",
            f"{seconds:.2f}",
            f"{peak / 1e6:,.0f}",
            characters,
            "yes" if found.truncated else "no",
        )
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
