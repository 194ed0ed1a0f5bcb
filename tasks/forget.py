"""Taking a partition out of the stores: its documents, their vectors, and what is known of them.

Meant for what the source does not list any more: a channel that was deleted, or that the app was
removed from. A sync cannot tell the two apart, so it leaves the documents and says so.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from documents.errors import ConfigurationError
from exporters.base import Partition
from exporters.changes import Delete
from stores.ledger.types import PartitionState
from tasks.pipeline import apply_changes
from tasks.results import PartitionResult
from tasks.session import SyncRequest, SyncSession
from tasks.stores import existing_ledger


@dataclass(frozen=True, slots=True)
class Forgettable:
    """A partition that holds something.

    Attributes:
        connection: The account it belongs to.
        title: What a person calls the account.
        state: What the ledger knows of it.
    """

    connection: str
    title: str
    state: PartitionState


def find_partition(source: str, name: str) -> Forgettable:
    """The partition of a source with this key or name.

    Raises:
        ConfigurationError: None has it, or several have.
        StoreError: The ledger cannot be read.
    """
    ledger, address = existing_ledger()
    if ledger is None:
        raise ConfigurationError(f"Nothing was synced yet: {address} does not exist.")
    with closing(ledger):
        held = [
            Forgettable(connection.connection, connection.title, state)
            for connection in ledger.connections()
            if connection.source == source
            for state in ledger.partitions(connection.id)
        ]
    wanted = name.removeprefix("#").casefold()
    by_key = [found for found in held if found.state.key == name]
    by_name = [f for f in held if f.state.name.removeprefix("#").casefold() == wanted]
    found = by_key or by_name
    if not found:
        raise ConfigurationError(
            f"Nothing is stored of a partition {name!r} of {source}.",
            hint=f"`data-getters status {source}` lists what is.",
        )
    if len(found) > 1:
        keys = ", ".join(f"{one.state.key} ({one.title})" for one in found)
        raise ConfigurationError(f"{name!r} could be {keys}.", hint="Give the one you mean by id.")
    return found[0]


def forget_partition(source: str, found: Forgettable) -> PartitionResult:
    """Deletes everything of a partition. If the source lists it again, it is synced anew.

    Raises:
        StoreError: A store cannot be written, or another run holds the account.
        PartitionFailedError: It stopped half way; calling it again goes on.
    """
    state = found.state
    partition = Partition(key=state.key, name=state.name, kind=state.kind)
    session = SyncSession(SyncRequest(source=source), connection=found.connection)
    with closing(session), session.leased():
        result = apply_changes(session.context, partition, _deletes(session, state))
        session.stores.ledger.reset_cursor(state.id)
        session.stores.ledger.extractions.forget(state.id)
        session.stores.maintain()
    return result


def _deletes(session: SyncSession, state: PartitionState) -> Iterator[Delete]:
    ledger = session.stores.ledger
    held = {record.key: record.parent for page in ledger.records_of(state.id) for record in page}
    # What belongs to an item goes with it.
    keys = {key for key, parent in held.items() if parent not in held}
    # Items that were set aside and never became documents go too.
    keys |= {
        letter.key
        for letter in ledger.dead_letters(source=session.request.source)
        if letter.connection == session.connection and letter.partition == state.key and letter.key
    }
    for key in sorted(keys):
        entity, _, external_id = key.partition(":")
        yield Delete(entity, external_id)
