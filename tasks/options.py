"""How a sync is done, apart from what is synced."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


class SyncOptions(BaseModel):
    """The knobs of the pipeline; the defaults suit a company of any size."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offered: ClassVar[frozenset[str]] = frozenset({"rescan", "refetch", "max_delete_percent"})
    """What the command line offers; the others are for flows and tests."""

    rescan: bool = Field(
        default=False,
        description="List everything again from the beginning, and delete what is gone. Items "
        "whose version did not move are not fetched again, but for those that were set aside.",
    )
    refetch: bool = Field(
        default=False,
        description="Fetch and land every listed item again, also where its version says it did "
        "not move.",
    )
    max_delete_percent: float = Field(
        default=20,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="A sweep that would delete more than this share of the listed part of a "
        "partition deletes nothing and says so. 100 allows everything.",
    )
    confirm_deletes: int = Field(
        default=100,
        ge=0,
        description="How many missing items of a partition are asked for one by one before they "
        "are taken as gone, where the source can be asked.",
    )
    max_consecutive_failures: int = Field(
        default=10, ge=1, description="Items failing in a row that stop a partition."
    )
    batch_records: int = Field(
        default=1_000, ge=1, description="Most records handed on, and committed, together."
    )
    batch_bytes: int = Field(
        default=4_000_000, ge=1, description="Most payload bytes handed on together."
    )
    batch_seconds: float = Field(
        default=5.0,
        gt=0,
        allow_inf_nan=False,
        description="Longest a record waits for a batch to fill, in seconds.",
    )
