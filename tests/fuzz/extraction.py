"""Runs spoiled files through the reading of attachments and counts what becomes of them.

    python -m tests.fuzz.extraction --files FOLDER --runs 20000
    python -m tests.fuzz.extraction --files FOLDER --runs 20000 --seed 7 --keep FOLDER

FOLDER holds files of any kind; each run takes one, spoils it and has it read. What must hold: the
call never raises, never takes longer than the limit (and a second to stop the process), gives a
text or a reason, and the next honest file is read. A file for which that does not hold is kept with
`--keep`, and the command ends with 1. The same seed gives the same files.

This is a tool, not a test: tests run some hundred such files (`test_spoiled_files.py`).
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

from exporters.extraction import Extracted, ExtractionSettings, Extractor
from tests.fuzz.mutations import spoil

_LARGEST_SEED: Final = 1_000_000
_PATIENCE: Final = 2.0
_HONEST_EVERY: Final = 100
_OUTCOMES: Final = {
    "damaged": "damaged",
    "crashed": "process crashed",
    "gave up": "process gave up",
    "longer than": "process stopped: time",
    "memory": "process stopped: memory",
    "password": "password",
    "no honest": "no honest archive",
    "unpacks to": "no honest archive",
    "read here": "type without text",
    "holds no text": "nothing in it",
}
"""What is counted, by words of the reason."""


def main(arguments: list[str]) -> int:
    """Runs it; see the module."""
    options = _options(arguments)
    random = Random(options.seed)  # noqa: S311 (to be repeated, not to be secret)
    files = sorted(
        path
        for path in Path(options.files).rglob("*")
        if path.is_file() and 0 < path.stat().st_size <= _LARGEST_SEED
    )
    if not files:
        sys.stderr.write(f"There is no file in {options.files}.\n")
        return 64
    outcomes: Counter[str] = Counter()
    wrong = 0
    slowest = (0.0, "")
    settings = ExtractionSettings(seconds=options.seconds, workers=1, cache_bytes=0)
    begun = time.monotonic()
    with Extractor(settings) as extractor:
        for number in range(options.runs):
            path, other = random.choice(files), random.choice(files)
            content = spoil(path.read_bytes(), other.read_bytes(), random)
            fault, seconds, outcome = _once(extractor, content, path.name, options.seconds)
            outcomes[outcome] += 1
            slowest = max(slowest, (seconds, path.name))
            if number % _HONEST_EVERY == 0 and not fault:
                fault = _honest(extractor, number)
            if fault:
                wrong += 1
                sys.stdout.write(f"run {number}, {path.name}: {fault}\n")
                if options.keep:
                    Path(options.keep).mkdir(parents=True, exist_ok=True)
                    Path(options.keep, f"{number}-{path.name}").write_bytes(content)
    spent = time.monotonic() - begun
    sys.stdout.write(
        f"{options.runs} files in {spent:.0f} s ({options.runs / spent:.0f} a second), "
        f"slowest {slowest[0]:.1f} s ({slowest[1]}), {wrong} wrong\n"
    )
    for outcome, count in outcomes.most_common():
        sys.stdout.write(f"{count:8,}  {outcome}\n")
    return 1 if wrong else 0


def _once(extractor: Extractor, content: bytes, name: str, limit: float) -> tuple[str, float, str]:
    """What is wrong (empty for nothing), how long it took, and what came out in short."""
    begun = time.monotonic()
    try:
        found = extractor.extract(content, name=name, mime_type=None)
    except Exception as error:  # noqa: BLE001 (that none is raised is what is tried)
        return f"raised {error!r}", time.monotonic() - begun, "raised"
    seconds = time.monotonic() - begun
    return _fault(found, seconds, limit), seconds, _short(found)


def _fault(found: Extracted, seconds: float, limit: float) -> str:
    if seconds > limit + _PATIENCE:
        return f"took {seconds:.1f} s"
    if (found.text is None) != bool(found.reason):
        return f"neither text nor reason, or both: {found.reason!r}"
    if found.text is not None:
        try:
            found.text.encode("utf-8")
        except UnicodeEncodeError:
            return "a text with lone surrogates"
        if "\0" in found.text:
            return "a text with NUL"
    return ""


def _short(found: Extracted) -> str:
    if found.text is not None:
        return "text, cut" if found.truncated else "text"
    for sign, outcome in _OUTCOMES.items():
        if sign in found.reason:
            return outcome
    return f"no text: {found.reason}"


def _honest(extractor: Extractor, number: int) -> str:
    words = f"honest words {number}"
    found = extractor.extract(words.encode(), name="a.txt", mime_type=None)
    return "" if found.text == words else f"the next file was not read: {found.reason}"


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Spoils files and has them read.")
    parser.add_argument("--files", required=True, help="folder of files to spoil")
    parser.add_argument("--runs", type=int, default=5_000, help="how many spoiled files")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same files")
    parser.add_argument("--seconds", type=float, default=10, help="time limit for one file")
    parser.add_argument("--keep", help="folder for files that went wrong")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
