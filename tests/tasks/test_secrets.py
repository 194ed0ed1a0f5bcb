"""A credential in use appears nowhere: not in a file, not in the ledger, not in an error."""

import logging
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet
import pytest
from scripted_source import ENTITY, Vendor, document_id, note, put
from workbench import Bench

from exporters.changes import Checkpoint, Failure, Upsert
from exporters.errors import AuthenticationError, InvalidDataError
from exporters.redaction import redact_all_logs
from exporters.slack.exporter import SlackExporter
from tasks.partition_errors import PartitionFailedError

CANARY = "canary/7f3a9c+not-to-be-seen"
SPELLINGS = (CANARY, quote(CANARY, safe=""), CANARY.replace("/", "\\/"))


def everything_in(folder: Path) -> bytes:
    """All bytes below a folder, those of Parquet files decompressed."""
    found = b""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found += path.read_bytes() + str(path).encode()
            if path.suffix == ".parquet":
                rows = pyarrow.parquet.ParquetFile(path).read().to_pylist()
                found += repr(rows).encode() + b"".join(
                    value for row in rows for value in row.values() if isinstance(value, bytes)
                )
    return found


def is_clean(text: str | bytes) -> bool:
    data = text.encode() if isinstance(text, str) else text
    return not any(spelling.encode() in data for spelling in SPELLINGS)


@pytest.fixture
def leaky(bench: Bench) -> Bench:
    """A source with a credential, which it puts wherever it can."""
    bench.token = CANARY
    # A credential is registered when the exporter is made, before anything is said.
    bench.context()
    return bench


def test_the_search_finds_a_canary_where_there_is_one(bench: Bench) -> None:
    """The test of the test: this one is no credential, so it is content and stays."""
    bench.vendor.says(put(1, "an ordinary word: kookaburra"))
    bench.sync()
    bench.close()
    found = everything_in(bench.folder)
    assert found.count(b"kookaburra") >= 3


def test_no_file_of_the_stores_has_it(leaky: Bench) -> None:
    failure = Failure(
        error=InvalidDataError(f"GET /?token={CANARY} failed", hint=f"Renew {CANARY}."),
        entity=ENTITY,
        external_id="7",
        url=f"https://scripted.example/7?token={quote(CANARY, safe='')}",
    )
    leaky.vendor.says(
        put(1, f"an echo: {CANARY}", title=f"Title {CANARY}", nested=[{"a": CANARY, CANARY: 1}]),
        put(2, url=f"https://user:{quote(CANARY, safe='')}@scripted.example/2"),
        put(3, url=f"https://scripted.example/bot{CANARY}/3"),
        put(4, url=f"https://scripted.example/4?access_token={quote(CANARY, safe='')}"),
        put(5, broken=f"cannot read with {CANARY}"),
        put(6, nonsense=f"cannot read with {CANARY}"),
        failure,
        Upsert(note("bad", strange={1, 2}, url=f"https://scripted.example/{CANARY}")),
        Checkpoint({"at": 1}),
    )
    result = leaky.sync()
    assert (result.counts.new, result.counts.failed) == (4, 4)
    assert is_clean(repr(leaky.state()))
    assert is_clean(repr(leaky.letters()))
    assert is_clean(repr(result))
    assert "an echo: [redacted]" in leaky.texts()["1"]
    leaky.close()
    assert is_clean(everything_in(leaky.folder))


def test_a_refusing_store_does_not_tell_it(leaky: Bench) -> None:
    leaky.index.refuses = {document_id(1)}
    leaky.vendor.says(put(1, f"an echo: {CANARY}"))
    leaky.sync()
    leaky.close()
    assert is_clean(everything_in(leaky.folder))


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError(f"The token {CANARY} is revoked.", hint=f"Replace {CANARY}."),
        RuntimeError(f"Authorization: Bearer {CANARY}"),
        KeyError(CANARY),
    ],
)
def test_the_error_that_stops_a_partition_does_not_tell_it(
    leaky: Bench, error: BaseException
) -> None:
    leaky.vendor.says(put(1), error)
    stopped: PartitionFailedError = leaky.failing_sync()
    for told in (str(stopped), repr(stopped), stopped.sentence(), stopped.hint):
        assert is_clean(told)
    assert is_clean(repr(stopped.result))
    assert stopped.result.message
    leaky.close()
    assert is_clean(everything_in(leaky.folder))


def test_no_log_line_has_it(leaky: Bench, caplog: pytest.LogCaptureFixture) -> None:
    factory = logging.getLogRecordFactory()
    try:
        redact_all_logs()
        with caplog.at_level(logging.DEBUG):
            logging.getLogger("vendor").warning("calling with %s", CANARY)
            leaky.vendor.says(put(1), RuntimeError(CANARY))
            try:
                leaky.sync()
            except PartitionFailedError:
                logging.getLogger("vendor").exception("it failed")
        assert "calling with [redacted]" in caplog.text
        assert "it failed" in caplog.text
        assert is_clean(caplog.text)
    finally:
        logging.setLogRecordFactory(factory)


def test_no_repr_has_it(leaky: Bench) -> None:
    context = leaky.context()
    assert is_clean(repr(context.exporter))
    assert is_clean(repr(context))
    assert is_clean(repr(SlackExporter(CANARY)))
    assert is_clean(repr(Vendor()))
