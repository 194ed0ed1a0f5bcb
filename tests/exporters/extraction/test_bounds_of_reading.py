"""A file can cost its own text, and nothing else: not time, not memory, not the next file."""

import ctypes
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exporters.extraction import Extracted, ExtractionSettings, Extractor

ROOT = Path(__file__).resolve().parents[3]
ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"},
    reason="Linux has this limit, on x86-64 and ARM64",
)


def misread(extractor: Extractor, how: str, content: bytes = b"x") -> Extracted:
    return extractor.extract(content, name=None, mime_type=f"application/x-{how}")


def assert_reads_on(extractor: Extractor) -> None:
    salt = os.urandom(8).hex()
    assert extractor.extract(salt.encode(), name="a.txt", mime_type=None).text == salt


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("hog", "Reading the file needed too much memory."),
        ("crash", "The library that reads such files crashed on it."),
        ("answer-garbage", "The library that reads such files crashed on it."),
        ("recurse", "The file is damaged or cut off (RecursionError)."),
    ],
)
def test_a_reader_that_fails_costs_the_one_file(strict: Extractor, how: str, reason: str) -> None:
    found = misread(strict, how)
    assert (found.text, found.truncated, found.reason) == (None, False, reason)
    assert_reads_on(strict)


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        '{"reason": {"a": 1}, "peak_memory": "much", "truncated": []}',
        '{"reason": "", "peak_memory": 1e400, "is_last": 7}',
        '{"peak_memory": ' + "9" * 4_000 + "}",
        "[" * 3_000 + "]" * 3_000,
    ],
)
def test_a_process_that_was_taken_over_cannot_make_its_parent_fail(answer: str) -> None:
    readers = {"application/x-answer-nonsense": "misbehaving_readers:answer_nonsense"}
    with Extractor(ExtractionSettings(seconds=2, workers=1), readers=readers) as extractor:
        found = misread(extractor, "answer-nonsense", answer.encode())
        assert (found.text is None) == bool(found.reason)
        if found.text:
            found.text.encode("utf-8")
    with Extractor(ExtractionSettings(workers=1)) as extractor:
        assert_reads_on(extractor)


@pytest.mark.parametrize("how", ["sleep", "spin"])
def test_a_reader_that_does_not_come_to_an_end_is_stopped(impatient: Extractor, how: str) -> None:
    begun = time.monotonic()
    assert misread(impatient, how).reason == "Reading the file took longer than 3 seconds."
    assert time.monotonic() - begun < 3 + 5
    assert_reads_on(impatient)


def test_the_alarm_of_a_process_without_a_parent_rings_only_while_it_reads() -> None:
    code = (
        "import signal; from exporters.extraction import confinement as c; "
        "left = lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0; "
        "c.allow_seconds(30); print(left()); c.stop_the_alarm(); print(left())"
    )
    if not hasattr(signal, "alarm"):
        pytest.skip("POSIX has alarms")
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    assert told.stdout.split() == [b"True", b"False"]


def test_a_text_is_cut_with_a_flag(strict: Extractor) -> None:
    found = misread(strict, "endless")
    assert found.text is not None
    assert len(found.text) == 2_000
    assert found.truncated
    whole = strict.extract(b"word", name="a.txt", mime_type=None)
    assert (whole.text, whole.truncated) == ("word", False)


def test_what_a_library_prints_does_not_get_into_the_text(strict: Extractor) -> None:
    assert misread(strict, "print-much").text == "printed"
    assert misread(strict, "complain-much").text == "complained"
    assert_reads_on(strict)


def test_nulls_and_lone_surrogates_do_not_leave_the_process(strict: Extractor) -> None:
    assert misread(strict, "surrogates").text == "abc"


def test_the_process_has_no_secret_to_give_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-very-secret")
    monkeypatch.setenv("PYTHONPATH", "/very-secret-path")
    monkeypatch.setenv("HOME", "/home/very-secret")
    readers = {"application/x-environment": "misbehaving_readers:environment"}
    with Extractor(ExtractionSettings(workers=1), readers=readers) as extractor:
        text = misread(extractor, "environment").text
    assert text is not None
    assert "very-secret" not in text
    told = json.loads(text)
    assert set(told["variables"]) <= {
        "LC_CTYPE",
        "MALLOC_ARENA_MAX",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
    }
    assert told["here"] == os.sep


def kernel_has_landlock() -> bool:
    ask_for_version = ctypes.c_uint(1)
    call = ctypes.CDLL(None).syscall
    return sys.platform == "linux" and call(444, None, ctypes.c_size_t(0), ask_for_version) > 0


@pytest.mark.skipif(not kernel_has_landlock(), reason="this kernel has no Landlock")
def test_the_process_reads_no_file_but_pythons_own(strict: Extractor, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("secret")
    paths = [str(secret), "/etc/passwd", f"/proc/{os.getpid()}/environ", os.__file__]
    text = misread(strict, "open-files", json.dumps(paths).encode()).text
    assert text == "\n".join(
        [*(f"{path}: PermissionError" for path in paths[:3]), f"{os.__file__}: allowed"]
    )


@ON_LINUX
def test_the_process_writes_nothing(strict: Extractor, tmp_path: Path) -> None:
    target = tmp_path / "written"
    assert misread(strict, "write", str(target).encode()).text == "write: PermissionError"
    assert not target.exists()


@ON_LINUX
def test_the_process_reaches_no_network(strict: Extractor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = misread(strict, "connect", str(port).encode()).text
        assert text == "connect: PermissionError"
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert misread(strict, "datagram", str(port).encode()).text == "datagram: PermissionError"
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.recv(10)


@ON_LINUX
def test_the_process_starts_no_other_and_signals_none(strict: Extractor) -> None:
    assert misread(strict, "spawn").text == "spawn: PermissionError"
    assert misread(strict, "fork").text == "fork: PermissionError"
    assert misread(strict, "signal-parent").text == "signal: PermissionError"


@ON_LINUX
def test_the_limits_of_this_system_are_in_force(strict: Extractor) -> None:
    assert_reads_on(strict)
    assert {"RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_NOFILE"} <= set(strict.limits)
    assert "seccomp" in strict.limits


def test_a_process_that_is_killed_in_the_middle_costs_the_one_file(impatient: Extractor) -> None:
    first = int(misread(impatient, "pid", os.urandom(4)).text or 0)

    def kill_when_it_sleeps() -> None:
        state = Path(f"/proc/{first}/stat")
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            if not state.exists() or int(state.read_text().rpartition(")")[2].split()[11]) > 20:
                break  # it has computed for 0.2 s
        os.kill(first, signal.SIGKILL)

    killer = threading.Thread(target=kill_when_it_sleeps)
    killer.start()
    found = misread(impatient, "spin", b"killed")
    killer.join()
    assert found.reason.startswith("The reading process was stopped from outside")
    second = int(misread(impatient, "pid", os.urandom(4)).text or 0)
    assert second != first
    # The file was not at fault, so it is tried again when it comes again.
    assert misread(impatient, "spin", b"killed").reason.startswith("Reading the file took longer")


def test_a_process_that_is_killed_between_files_costs_none(strict: Extractor) -> None:
    first = int(misread(strict, "pid", os.urandom(4)).text or 0)
    os.kill(first, signal.SIGKILL)
    assert_reads_on(strict)


def test_a_process_is_replaced_after_some_files() -> None:
    readers = {"application/x-pid": "misbehaving_readers:pid"}
    settings = ExtractionSettings(files_per_process=3, workers=1)
    with Extractor(settings, readers=readers) as extractor:
        seen = [misread(extractor, "pid", bytes([number])).text for number in range(7)]
    assert [seen.count(pid) for pid in dict.fromkeys(seen)] == [3, 3, 1]


def test_a_hundred_callers_at_once_are_all_served() -> None:
    with Extractor(ExtractionSettings(workers=2)) as extractor:

        def ask(number: int) -> str | None:
            content = f"text of {number % 50}".encode()
            return extractor.extract(content, name="a.txt", mime_type=None).text

        with ThreadPoolExecutor(100) as callers:
            texts = list(callers.map(ask, range(100)))
        assert extractor.processes <= 2
    assert texts == [f"text of {number % 50}" for number in range(100)]


def test_closing_ends_the_processes() -> None:
    readers = {"application/x-pid": "misbehaving_readers:pid"}
    with Extractor(ExtractionSettings(workers=1), readers=readers) as extractor:
        pid = int(misread(extractor, "pid").text or 0)
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX forks")
def test_a_fork_of_the_parent_reads_with_processes_of_its_own() -> None:
    from exporters.extraction import extract_text  # noqa: PLC0415 (the shared one)

    assert extract_text(b"before", name="a.txt", mime_type=None).text == "before"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            found = extract_text(b"in the fork", name="a.txt", mime_type=None)
            os.write(writing, (found.text or found.reason).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        assert answer.read() == "in the fork"
    os.waitpid(child, 0)
    assert extract_text(b"after", name="a.txt", mime_type=None).text == "after"
