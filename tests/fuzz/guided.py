"""Fuzzes every reader of strangers' content, guided by coverage (Atheris, libFuzzer).

    python -m tests.fuzz.guided --runs 100000
    python -m tests.fuzz.guided --runs 100000 --reader "jira wiki" --keep FOLDER

Needs Atheris, which is no dependency of the project: `pip install atheris` into any environment, or
with `--target FOLDER` and that folder on PYTHONPATH (`make fuzz` does the second). Each reader
runs in a process of its own. What must hold: nothing is raised but what the reader declares, no
input takes longer than 20 s or 2 GB, and every text that comes out can be stored. What breaks that
is written to `--keep`, named by what went wrong, and the command ends with 1.
What was found and mended is replayed by `make test` (`found.py`).
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, Final

_LONGEST: Final = 8_192
_SECONDS: Final = 20
_MEGABYTES: Final = 2_048
_INSTRUMENTED: Final = ("documents", "exporters", "processing", "stores", "email", "icalendar")


def main(arguments: list[str]) -> int:
    """Runs it; see the module."""
    options = _options(arguments)
    if options.child:
        _fuzz(options)
        return 0
    _with_tests_on_top()
    from fuzz.readers import READERS  # noqa: PLC0415 (a child instruments its imports first)

    wrong = 0
    kept = Path(options.keep or tempfile.mkdtemp(prefix="fuzz-"))
    for name in [options.reader] if options.reader else READERS:
        folder = kept / name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.guided", "--child", "--reader", name,
             "--runs", str(options.runs), "--seed", str(options.seed), "--keep", str(folder)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        found = sorted(folder.iterdir())
        seconds = time.monotonic() - begun
        sys.stdout.write(
            f"{name:18} {options.runs:9,} inputs {seconds:7.0f} s {len(found)} found\n"
        )
        sys.stdout.flush()
        if found or ended.returncode:
            wrong += 1
            tail = "\n".join(ended.stdout.splitlines()[-12:])
            names = "".join(f"  {path}\n" for path in found)
            sys.stdout.write(f"exit code {ended.returncode}\n{tail}\n{names}")
        elif not found:
            folder.rmdir()
    return 1 if wrong else 0


def _fuzz(options: argparse.Namespace) -> None:
    import atheris  # noqa: PLC0415 (no dependency of the project)

    _with_tests_on_top()
    with atheris.instrument_imports(include=list(_INSTRUMENTED)):
        from fuzz.readers import READERS  # noqa: PLC0415
        from fuzz.verdict import fault_of  # noqa: PLC0415
    reader = READERS[options.reader]
    kept = Path(options.keep)
    seen: set[str] = set()

    def one(data: bytes) -> None:
        try:
            fault = fault_of(reader.read(data), size=len(data))
        except reader.declared:
            return
        except Exception as error:  # noqa: BLE001 (that none is raised is what is tried)
            frame = traceback.extract_tb(error.__traceback__)[-1]
            fault = f"{type(error).__name__} {Path(frame.filename).name} {frame.lineno}"
        if fault and (sign := fault[:40]) not in seen:
            seen.add(sign)
            name = "".join(c if c.isalnum() else "-" for c in sign)
            digest = hashlib.sha256(data).hexdigest()[:8]
            (kept / f"{name}-{digest}").write_bytes(data)

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(_seeds(reader)):
            Path(corpus, str(number)).write_bytes(seed)
        atheris.Setup(
            [
                sys.argv[0], corpus, f"-atheris_runs={options.runs}", f"-seed={options.seed}",
                f"-max_len={_LONGEST}", f"-timeout={_SECONDS}", f"-rss_limit_mb={_MEGABYTES}",
                f"-artifact_prefix={kept}/", "-verbosity=1", "-print_final_stats=1",
            ],
            one,
        )  # fmt: skip
        atheris.Fuzz()


def _seeds(reader: Any) -> list[bytes]:
    """What a reader knows, and each piece of its grammar a few times."""
    pieces = [(piece * 3).encode() for piece in reader.pieces]
    return [*reader.seeds, *pieces, "".join(reader.pieces).encode()[:_LONGEST]]


def _with_tests_on_top() -> None:
    """The tests import from `tests` as their top level."""
    top = str(Path(__file__).parents[1])
    if top not in sys.path:
        sys.path.insert(0, top)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzzes readers, guided by coverage.")
    parser.add_argument("--runs", type=int, default=100_000, help="inputs for each reader")
    parser.add_argument("--reader", help="one of `tests.fuzz.readers.READERS`; all by default")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer's dice")
    parser.add_argument("--keep", help="folder for inputs that went wrong")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
