"""Every source, and every store that takes a password: the credential is seen nowhere.

Not in logs of any library at DEBUG, not in an error with its traceback, not in a file of the
stores, not in a process list, not where an object shows itself: when all goes well, and when the
vendor says the credential back in each way there is.
"""

import logging
import os
import pickle
import traceback
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
from effort import FULL

from documents.errors import DataGettersError
from exporters.extraction import Extractor
from exporters.redaction import redact_all_logs
from exporters.registry import source
from faults.leaks import everything_in, leaks, trouble
from faults.stages import STAGES
from faults.stages.base import CANARY, Stage
from faults.syncing import sync
from stores.settings import StoreSettings
from tasks.making import Recipe
from tasks.making_process import Order, ProcessMaker
from tasks.stores import open_stores

pytestmark = pytest.mark.faults

TROUBLES = ("none", "401", "redirect") + FULL * (
    "200", "403", "500", "page", "late 401", "late 500", "late redirect",
)  # fmt: skip


def children() -> Iterator[tuple[int, bytes]]:
    """What the system shows of processes that this one started: command line and environment."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                folder = status.parent
                shown = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                yield int(folder.name), shown
        except OSError:
            continue


def shown_by(value: Any, depth: int = 3) -> str:
    """An object as it shows itself, and what it holds, and what that holds ..."""
    parts = [repr(value), str(value)]
    if depth and hasattr(value, "__dict__"):
        inner = [v for v in vars(value).values() if hasattr(v, "__dict__")]
        parts += [shown_by(one, depth - 1) for one in inner]
    return "\n".join(parts)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any library logs, as a run would print it."""
    factory = logging.getLogRecordFactory()
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    before = [(one, one.level, one.disabled) for one in loggers]
    try:
        redact_all_logs()
        for one in loggers:
            one.setLevel(logging.DEBUG)
            one.disabled = False
        with caplog.at_level(logging.DEBUG):
            yield caplog
    finally:
        logging.setLogRecordFactory(factory)
        for one, level, disabled in before:
            one.setLevel(level)
            one.disabled = disabled


@pytest.mark.parametrize("kind", TROUBLES)
@pytest.mark.parametrize("name", sorted(STAGES))
def test_a_credential_is_seen_nowhere(
    name: str,
    kind: str,
    tmp_path: Path,
    log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage: Stage[Any, Any] = STAGES[name]
    for field in source(name).credentials.values():
        monkeypatch.setenv(field.environment[0], CANARY)  # what a child would inherit
    company = stage.company()
    with stage.served(company) as sandbox:
        opener, secrets = stage.secret_opener(company, sandbox)
        secrets = [*secrets, CANARY]
        sandbox.faults.add(*trouble(kind, secrets[0]))
        stores = open_stores(StoreSettings(data_directory=tmp_path, embedding_model="none"))
        with closing(stores), closing(opener()) as exporter:
            failed = sync(stage, exporter, stores, "run")
            letters = repr(stores.ledger.dead_letters())
            runs = repr(stores.ledger.connections())
            logging.getLogger("vendor").error("said with %s", secrets[0], exc_info=_raised(failed))
            objects = shown_by(exporter)
    errors = "".join("".join(traceback.format_exception(error)) for error in failed)
    sentences = "".join(
        f"{error} {error!r} {error.sentence()} {error.hint} {getattr(error, 'result', '')!r}"
        for error in failed
        if isinstance(error, DataGettersError)
    )
    assert bool(failed) == (kind != "none"), failed
    assert leaks(log.text, secrets) == []
    assert leaks(sentences, secrets) == []
    assert leaks(letters + runs, secrets) == []
    assert leaks(objects, secrets) == []
    assert leaks(everything_in(tmp_path), secrets) == []
    if kind == "none":
        assert leaks(errors, secrets) == []


def _raised(failed: list[Exception]) -> Exception | None:
    return failed[0] if failed else None


@pytest.mark.parametrize("name", sorted(STAGES))
def test_no_process_list_shows_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the processes that make documents and read files; they need no credential."""
    stage: Stage[Any, Any] = STAGES[name]
    for field in source(name).credentials.values():
        for variable in field.environment:
            monkeypatch.setenv(variable, CANARY)
    company = stage.company()
    with stage.served(company) as sandbox:
        opener, secrets = stage.secret_opener(company, sandbox)
        with closing(opener()) as exporter:
            recipe = Recipe(exporter=exporter, store_name=stage.store_name, characters=1_000)
            order = Order(stage.manifest, stage.selection(), _settings_of(stage), characters=1_000)
            assert leaks(pickle.dumps(order) + repr(order).encode(), [CANARY, *secrets]) == []
            maker = ProcessMaker(order, recipe, seconds=20, always=True)
            with closing(maker), Extractor() as extractor:
                assert extractor.extract(b"words", name="a.txt", mime_type=None).text == "words"
                maker._running_child().is_up(60)
                shown = list(children())
    assert len(shown) >= 2
    assert [pid for pid, told in shown if leaks(told, [CANARY, *secrets])] == []


def _settings_of(stage: Stage[Any, Any]) -> Any:
    return stage.manifest.load(stage.manifest.settings)(base_url="http://127.0.0.1:9/")


class _Echo(BaseHTTPRequestHandler):
    """Says back what was sent, with a status that the path names."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        body = str(self.headers).encode() + self.path.encode() + CANARY.encode()
        self.send_response(int(os.environ.get("ECHO_STATUS", "401")))
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _answer  # noqa: N815 (names of the library)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


STORES = (
    "elasticsearch password",
    "elasticsearch key",
    "elasticsearch url",
    "postgresql",
    "openai",
)


@pytest.mark.parametrize("status", ["401", "400"])
@pytest.mark.parametrize("kind", STORES)
def test_a_store_s_credential_is_seen_nowhere(  # noqa: PLR0917 (fixtures)
    kind: str,
    status: str,
    echo: str,
    tmp_path: Path,
    log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ECHO_STATUS", status)
    written = quote(CANARY, safe="")
    fields: dict[str, Any] = {"embedding_model": "none"}
    match kind:
        case "elasticsearch password":
            fields |= {
                "document_index": f"http://{echo}", "elasticsearch_user": "elastic",
                "elasticsearch_password": CANARY,
            }  # fmt: skip
        case "elasticsearch key":
            fields |= {
                "document_index": f"http://{echo}", "elasticsearch_api_key": CANARY,
            }  # fmt: skip
        case "elasticsearch url":
            fields |= {"document_index": f"http://elastic:{written}@{echo}"}
        case "postgresql":
            fields |= {"ledger": f"postgresql://someone:{written}@127.0.0.1:9/ledger"}
        case _:
            fields |= {
                "embedding_model": "openai:small", "embedding_url": f"http://{echo}/v1",
                "embedding_api_key": CANARY,
            }  # fmt: skip
    told = ""
    try:
        settings = StoreSettings(data_directory=tmp_path, **fields)
        told += shown_by(settings) + settings.model_dump_json()
        with closing(open_stores(settings)) as stores:
            told += shown_by(stores)
            if stores.embeddings is not None:
                told += shown_by(stores.embeddings)
                stores.embeddings.embed_query("words")
            stores.index.count()
            stores.ledger.connections()
    except DataGettersError as error:
        told += f"{error} {error!r} {error.sentence()} {error.hint}"
        logging.getLogger("store").exception("it failed")
    else:
        raise AssertionError("nothing failed")
    secrets = [CANARY, f"elastic:{CANARY}"]
    assert leaks(log.text, secrets) == []
    assert leaks(told, secrets) == []
    assert leaks(everything_in(tmp_path), secrets) == []
