"""What is said of all of a partition at once, done to what is stored."""

from collections.abc import Collection
from datetime import datetime

from documents.principals import normalize_access
from exporters.changes import AccessChange, ContainerChange, IdentityChange, MembershipChange
from tasks.context import SyncContext
from tasks.results import Counts
from tasks.shared_documents import SharedDocuments
from tasks.writer import PartitionRewriter

PartitionChange = MembershipChange | IdentityChange | ContainerChange | AccessChange
"""A change that concerns no single item. (An `AccessChange` may; then it is none of these.)"""


def apply_to_partition(
    context: SyncContext,
    change: PartitionChange,
    *,
    partition_id: int,
    generation: int,
    shared: SharedDocuments | None,
    counts: Counts,
    said_at: datetime | None = None,
    spared: Collection[str] = (),
) -> None:
    """Does a change that concerns no single item. Everything said before it is durable.

    Args:
        context: What the partitions of a run share.
        change: What was said.
        partition_id: The ledger's id of the partition.
        generation: Its listing.
        shared: Merges documents that several records make, where the source has such.
        counts: Added to.
        said_at: When it was said; now unless told.
        spared: Landed files: records whose payload is in one of them know better.

    Raises:
        StoreError: A store cannot be written, or refuses a document.
    """
    if context.lease is not None:
        context.lease.check()
    ledger = context.stores.ledger
    rewriter = PartitionRewriter(
        context.stores,
        partition_id=partition_id,
        generation=generation,
        custom=context.custom,
        lease=context.lease,
        shared=shared,
        spared=spared,
    )
    match change:
        case MembershipChange():
            ledger.set_members(
                context.connection_id, change.principal, change.members, as_of=change.as_of
            )
        case IdentityChange():
            ledger.set_identities(context.connection_id, change.people, as_of=change.as_of)
        case ContainerChange() if shared is not None:
            raise TypeError("a document that records share is in none of their containers")
        case ContainerChange():
            # Before it is done: a run that is killed half way says it again.
            ledger.container_said(partition_id, change.container, change.extra, at=said_at)
            counts.changed += rewriter.change_container(change.container, change.extra)
        case AccessChange():
            ledger.access_said(partition_id, normalize_access(change.access), at=said_at)
            counts.access_changed += rewriter.change_access(change.access)
