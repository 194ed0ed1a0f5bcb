"""Building indices and vectors anew, with the mapping, the chunks and the model of today."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict, Field

from documents.errors import DataGettersError
from exporters.redaction import redact_all_logs, redactor
from stores.opening import open_reindexers
from stores.settings import StoreSettings, load_store_settings
from tasks.new_vectors import build_vectors
from tasks.reporting import ReindexEnded, ReindexFailed, ReindexProgressed, tell
from tasks.stores import open_ledger

if TYPE_CHECKING:
    from stores.elasticsearch.reindex import IndexState, Reindexer

LEASE: Final = "reindex"


class ReindexRequest(BaseModel):
    """What is built anew.

    Attributes:
        everything: Also the indices whose mapping is the one of today.
        vectors: Cut all documents into chunks again and embed them.
        drop_old: Delete the indices of before afterwards.
        run_id: The run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    everything: bool = False
    vectors: bool = False
    drop_old: bool = False
    run_id: str = Field(default_factory=lambda: uuid4().hex)


@dataclass(slots=True)
class ReindexResult:
    """What was built anew.

    Attributes:
        built: Alias, index of before, new index and number of documents of each.
        current: Indices that were left as they are.
        vectors: Documents whose vectors were built anew; None where that was not asked.
        refused: Documents without vectors, with the reason.
        split: Texts that were longer than the model takes, and were split.
        dropped: Indices of before that were deleted.
    """

    built: list[dict[str, Any]] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    vectors: int | None = None
    refused: dict[str, str] = field(default_factory=dict)
    split: int = 0
    dropped: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """What was done, in one line."""
        parts = []
        if self.built:
            parts.append(f"{len(self.built)} indices were built anew.")
        if self.vectors is not None:
            parts.append(f"The vectors of {self.vectors:,} documents were built anew.")
        if self.split:
            parts.append(f"{self.split:,} texts were longer than the model takes and were split.")
        if self.refused:
            parts.append(f"{len(self.refused)} documents were refused.")
        if self.dropped:
            parts.append(f"{len(self.dropped)} indices of before were deleted.")
        return " ".join(parts) or "Every index has the mapping of today: nothing to do."


def run_reindex(request: ReindexRequest) -> State[Any]:
    """The body of the reindex flow.

    Returns:
        The state in which the flow run ends: Failed with the reason, or Completed.
    """
    redact_all_logs()
    logger = get_run_logger()
    try:
        result = reindex_stores(request)
    except DataGettersError as error:
        sentence = redactor.text(error.sentence())
        logger.error(sentence)
        tell(ReindexFailed(error))
        return Failed(message=sentence)
    create_table_artifact(
        table=result.built or [{"result": result.sentence}],
        key="reindex",
        description=result.sentence,
    )
    tell(ReindexEnded(result))
    return Completed(message=result.sentence)


def reindex_stores(request: ReindexRequest, settings: StoreSettings | None = None) -> ReindexResult:
    """Builds what a request asks for; searches answer all the while.

    Raises:
        ConfigurationError: A setting makes no sense, or vectors are asked for and no model is set.
        StoreError: It did not work out; the sentence says what is in use now.
    """
    settings = settings or load_store_settings()
    redactor.register(*settings.secrets())
    result = ReindexResult()
    ledger = open_ledger(settings)
    try:
        with ledger.lease(LEASE, run_id=request.run_id):
            with _reindexers(settings) as reindexers:
                for reindexer in reindexers:
                    _reindex(reindexer, request, result)
            if request.vectors:
                result.vectors, result.refused, result.split = build_vectors(
                    settings, ledger, request.run_id
                )
            if request.drop_old:
                with _reindexers(settings) as reindexers:
                    for reindexer in reindexers:
                        result.dropped += reindexer.drop_old()
    finally:
        ledger.close()
    return result


def index_states(settings: StoreSettings | None = None) -> "list[IndexState]":
    """What is behind every alias of the settings' servers.

    Raises:
        StoreError: A server cannot be used.
    """
    settings = settings or load_store_settings()
    redactor.register(*settings.secrets())
    with _reindexers(settings) as reindexers:
        return [state for reindexer in reindexers for state in reindexer.states()]


def _reindex(reindexer: "Reindexer", request: ReindexRequest, result: ReindexResult) -> None:
    for state in reindexer.states():
        if not (state.outdated or request.everything):
            result.current.append(state.current.name)
            continue
        done = reindexer.reindex(
            state.schema,
            lambda progress: tell(ReindexProgressed(progress.alias, progress.done, progress.total)),
        )
        result.built.append(
            {
                "alias": done.alias,
                "before": done.old,
                "now": done.new,
                "documents": done.documents,
            }
        )


@contextmanager
def _reindexers(settings: StoreSettings) -> "Iterator[list[Reindexer]]":
    opened = open_reindexers(settings)
    try:
        yield opened
    finally:
        for reindexer in opened:
            reindexer.close()
