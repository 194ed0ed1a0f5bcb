"""What stops a partition, as one kind of error."""

from documents.errors import DataGettersError
from exporters.redaction import redactor
from tasks.loading_messages import LoadingError
from tasks.results import PartitionOutcome, PartitionResult


class PartitionFailedError(DataGettersError):
    """A partition's sync stopped. What it committed stays; the next run goes on from there.

    Attributes:
        result: What was done until then.
        retryable: Whether trying again may help with nothing changed by a person.
        retry_after: Seconds to wait before, where the source says.
    """

    def __init__(self, result: PartitionResult, error: DataGettersError) -> None:
        super().__init__(redactor.text(str(error)), hint=redactor.text(error.hint))
        self.result = result
        self.retryable = bool(getattr(error, "retryable", False))
        self.retry_after: float | None = getattr(error, "retry_after", None)


def failed(result: PartitionResult, error: Exception) -> PartitionFailedError:
    """The error that a partition fails with, which its result tells of from now on.

    Args:
        result: What was done until then.
        error: What stopped it; one that is none of ours should not have happened.
    """
    told = error
    if not isinstance(told, DataGettersError):
        told = DataGettersError(
            f"{result.name} stopped unexpectedly: {type(error).__name__}: {error}",
            hint="That should not happen: please report it with its traceback, which the log of "
            "the run has.",
        )
    stopped = PartitionFailedError(result, told)
    result.message = stopped.sentence()
    result.error = error.name if isinstance(error, LoadingError) else type(error).__name__
    result.outcome = PartitionOutcome.FAILED
    return stopped
