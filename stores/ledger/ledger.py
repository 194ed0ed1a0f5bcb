"""The ledger: how far each source was synced, what is known of it, and what was set aside.

One file or one database; see `stores.ledger.backend`. All methods may be called from any number of
threads. Reads see what is committed and wait for nobody; inside a transaction of the embedded file
they see what it has written so far.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from stores.ledger.backend import Backend, open_backend
from stores.ledger.claims import JobClaims
from stores.ledger.commits import BatchWriter
from stores.ledger.copies import CopyBook
from stores.ledger.dead_letters import DeadLetterBox
from stores.ledger.errors import LeaseHeldError
from stores.ledger.extraction_commits import ExtractionWriter
from stores.ledger.extraction_types import ExtractionBatch
from stores.ledger.extractions import ExtractionBook
from stores.ledger.flags import FlagBook
from stores.ledger.jobs import JobBook
from stores.ledger.known import KnownRecord
from stores.ledger.landed import LandedBook
from stores.ledger.leases import DEFAULT_TTL, HeldLease, Lease, holders
from stores.ledger.membership import MembershipBook
from stores.ledger.partitions import PartitionBook
from stores.ledger.records import RecordReader
from stores.ledger.runs import RunBook
from stores.ledger.schema import MIGRATIONS, Migrations, ensure_schema
from stores.ledger.types import (
    ConnectionState,
    Copy,
    DeadLetter,
    ExtractionOutcome,
    LedgerBatch,
    PartitionState,
    Person,
    RawFile,
    RunRecord,
    RunState,
    UnseenSummary,
    VectorCacheSize,
)
from stores.ledger.vectors import DEFAULT_CACHE_BYTES, VectorCache
from stores.sqlite.database import EmbeddedDatabase


class Ledger:
    """What was synced, how far, what failed, who belongs to what.

    Every method raises a `StoreError` with a sentence where the database fails; only further
    errors are named below. Use `Ledger.open`.

    Attributes:
        address: Where it is kept, without secrets.
        database: The embedded file, so that `with ledger.database.transaction():` commits documents
            and ledger together; None on PostgreSQL.
        extractions: What was extracted, and how far; apart from the records of syncs.
        landed: What needs the landed files, for who looks after the raw landing.
        membership: Who is in which group, for who takes a list apart.
        jobs: The queue of jobs, to be added to and looked at; `stores.queue` is for workers.
        claims: How `stores.queue` takes them.
        flags: What an operator has switched off.
    """

    def __init__(self, backend: Backend, *, cache_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self._backend = backend
        self._book = PartitionBook(backend)
        self._records = RecordReader(backend)
        self._copies = CopyBook(backend)
        self._batches = BatchWriter(backend, self._records, self._copies)
        self._dead_letters = DeadLetterBox(backend)
        self._runs = RunBook(backend)
        self.membership = MembershipBook(backend)
        self._vectors = VectorCache(backend, cache_bytes)
        self.extractions = ExtractionBook(backend)
        self.landed = LandedBook(backend)
        self.jobs = JobBook(backend)
        self.claims = JobClaims(backend, self.jobs)
        self.flags = FlagBook(backend)
        self._extraction_batches = ExtractionWriter(backend, self.jobs)

    @classmethod
    def open(
        cls,
        url: str | Path,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        migrations: Migrations = MIGRATIONS,
    ) -> Self:
        """Opens a ledger, making or migrating its tables where needed.

        Args:
            url: A path or `sqlite:///path` for the embedded file, or
                `postgresql://user:password@host:5432/database`.
            cache_bytes: Bound of the embedding cache.
            migrations: The schema's versions.

        Raises:
            ConfigurationError: The URL is of another kind, or cannot be read.
            StoreVersionError: A newer version wrote the ledger. Nothing is touched.
            StoreError: It cannot be opened; the sentence says why.
        """
        backend = open_backend(url)
        try:
            ensure_schema(backend, migrations)
        except BaseException:
            backend.close()
            raise
        return cls(backend, cache_bytes=cache_bytes)

    @property
    def address(self) -> str:
        """Where the ledger is kept, without secrets."""
        return self._backend.address

    @property
    def database(self) -> EmbeddedDatabase | None:
        """The embedded file; None on PostgreSQL."""
        return self._backend.database

    def __repr__(self) -> str:
        return f"Ledger({self.address!r})"

    def close(self) -> None:
        """Gives back connections; those of the embedded file stay with it. Harmless twice."""
        self._backend.close()

    # Connections, runs and leases

    def connection_id(self, source: str, name: str, title: str | None) -> int:
        """The number of a connection (an account or tenant), added where it is new.

        Args:
            source: The source's name.
            name: The source's id of it.
            title: What a person calls it; None where that was not asked, and stays as it was.
        """
        return self._book.connection_id(source, name, title)

    def connections(self) -> list[ConnectionState]:
        """Every connection with its counts, for `status`."""
        return self._book.connections()

    def lease(self, name: str, *, run_id: str, ttl: float = DEFAULT_TTL) -> Lease:
        """A lease, to be entered with `with`: one holder at a time, on any machine.

        A thread renews it until the block ends. The lease of a process that died on this machine is
        taken over at once, any other `ttl` seconds after its last renewal.

        Args:
            name: What is leased.
            run_id: Who wants it.
            ttl: Seconds.

        Raises:
            LeaseHeldError: On entering, when another holds it: says which run, where, since when.
        """
        return Lease(self._backend, name, run_id=run_id, ttl=ttl)

    def holders(self, prefix: str) -> list[LeaseHeldError]:
        """Who holds the leases whose names begin with a text, each as the error it would raise."""
        return holders(self._backend, prefix)

    def start_run(self, run_id: str, connection_id: int, *, flow_run_id: str | None = None) -> None:
        """Writes down that a run begins."""
        self._runs.start(run_id, connection_id, flow_run_id)

    def finish_run(
        self,
        run_id: str,
        state: RunState,
        *,
        counts: Mapping[str, int] | None = None,
        message: str = "",
    ) -> None:
        """Writes down how a run ended."""
        self._runs.finish(run_id, state, counts or {}, message)

    def mark_interrupted(self, connection_id: int) -> list[str]:
        """Closes the runs of a connection that never said how they ended, and hold no lease.

        To be called by whoever holds the connection's lease, before its own run starts. Returns
        the ids of those runs.
        """
        return self._runs.mark_interrupted(connection_id)

    def runs(self, limit: int = 20, *, source: str | None = None) -> list[RunRecord]:
        """The latest runs, newest first."""
        return self._runs.latest(limit, source)

    # Partitions and records

    def partition(self, connection_id: int, key: str, name: str, kind: str) -> PartitionState:
        """A partition, added where it is new; its name and kind follow."""
        return self._book.partition(connection_id, key, name, kind)

    def partitions(self, connection_id: int) -> list[PartitionState]:
        """The partitions of a connection with the numbers of their records, by name."""
        return self._book.partitions(connection_id)

    def begin_listing(self, partition_id: int, *, fresh: bool) -> int:
        """Begins a listing, or goes on with the one that a killed run left open.

        Args:
            partition_id: The partition.
            fresh: Whether to begin anew even if a listing is open.

        Returns:
            The listing's generation.
        """
        return self._book.begin_listing(partition_id, fresh=fresh)

    def reset_cursor(self, partition_id: int) -> None:
        """Forgets the cursor (it expired, or everything is wanted again); records stay."""
        self._book.reset_cursor(partition_id)

    def access_said(
        self, partition_id: int, access: Sequence[str], *, at: datetime | None = None
    ) -> None:
        """Remembers an access list that was said of all records of a partition, now or then."""
        self._book.access_said(partition_id, access, at)

    def container_said(
        self,
        partition_id: int,
        container: Mapping[str, Any],
        extra: Mapping[str, Any],
        *,
        at: datetime | None = None,
    ) -> None:
        """Remembers what was said of the container of all records of a partition, likewise."""
        self._book.container_said(partition_id, container, extra, at)

    def end_replay(self, connection_id: int) -> None:
        """Forgets how far a replay of a connection came."""
        self._book.end_replay(connection_id)

    def known(self, connection_id: int, keys: Collection[str]) -> dict[str, KnownRecord]:
        """The records among these keys that the ledger knows, in whatever partition they are.

        One query for 2,000 keys; ask for hundreds at a time, not for one.
        """
        return self._records.known(connection_id, keys)

    def children(self, connection_id: int, parents: Collection[str]) -> list[KnownRecord]:
        """The records that belong to these, by key."""
        return self._records.children(connection_id, parents)

    def orphans(self, partition_id: int, *, generation: int) -> Iterator[list[KnownRecord]]:
        """The records that a listing did not see and whose owner is not known, in pages.

        Left behind by a run that was killed between them and their owner.
        """
        return self._records.orphans(partition_id, generation)

    def copies(self, connection_id: int, document_ids: Collection[str]) -> dict[str, list[Copy]]:
        """The copies of each of these documents, in the order of their records' keys."""
        return self._copies.of(connection_id, document_ids)

    def merging(self, connection_id: int) -> AbstractContextManager[None]:
        """To be held from reading copies until they are committed.

        Two partitions that add a copy to one document at once would each leave the other's out.
        Threads of a process wait for each other, and on PostgreSQL processes too.
        """
        return self._copies.merging(connection_id)

    def commit(self, batch: LedgerBatch, *, lease: HeldLease | None = None) -> None:
        """Writes a batch: all of it is durable when this returns, or nothing.

        Inside `with database.transaction():` it becomes durable with that.

        Args:
            batch: What to write.
            lease: Held by the caller; another run that took it over keeps the batch from being
                written.

        Raises:
            LeaseLostError: The lease is not the caller's any more.
            ValueError: The batch contradicts itself, or holds a malformed hash, time or reference.
        """
        self._batches.commit(batch, lease)

    def commit_extraction(self, batch: ExtractionBatch, *, lease: HeldLease | None = None) -> None:
        """Writes a batch of an extraction with its jobs: all of it is durable, or nothing.

        Otherwise like `commit`, of whose records, listings and cursors it knows nothing.

        Raises:
            LeaseLostError: The lease is not the caller's any more.
            ValueError: The batch contradicts itself, or holds a malformed hash, time or reference.
        """
        self._extraction_batches.commit(batch, lease)

    def set_outcomes(self, connection_id: int, outcomes: Sequence[ExtractionOutcome]) -> None:
        """Writes down what became of landed payloads, where no commit of documents does.

        Raises:
            ValueError: A payload is in a file that the ledger does not vouch for.
        """
        self._extraction_batches.set_outcomes(connection_id, outcomes)

    def has_records(self, partition_id: int) -> bool:
        """Whether anything is known of a partition yet."""
        return self._records.has_any(partition_id)

    def unseen(
        self,
        partition_id: int,
        *,
        generation: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> UnseenSummary:
        """Compares a listing with what was known before it began.

        Args:
            partition_id: The partition.
            generation: The listing.
            since: Where it reached back to. Records with an earlier `occurred_at`, or with none,
                are left out of all numbers.
            until: Where it ended, exclusive; likewise.
        """
        return self._records.unseen(partition_id, generation=generation, since=since, until=until)

    def unseen_records(
        self,
        partition_id: int,
        *,
        generation: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[list[KnownRecord]]:
        """The records that a listing did not see, in pages, in flat memory.

        They may be committed as deleted while the pages are walked through.
        """
        return self._records.pages(
            partition_id, before_generation=generation, since=since, until=until
        )

    def records_of(self, partition_id: int, *, after: int = 0) -> Iterator[list[KnownRecord]]:
        """All records of a partition, in pages, in flat memory.

        For a change of access or container that concerns every document. New hashes are committed
        in `LedgerBatch.documents`, also while the pages are walked through.

        Args:
            partition_id: The partition.
            after: Only records with a higher `id`: for who was there before.
        """
        return self._records.pages(partition_id, after=after)

    def raw_files(
        self,
        *,
        source: str | None = None,
        connection: str | None = None,
        partition: str | None = None,
        entity: str | None = None,
    ) -> Iterator[RawFile]:
        """The landed files that the ledger vouches for, in the order in which they landed."""
        return self._records.raw_files(source, connection, partition, entity)

    # Dead letters

    def dead_letters(
        self,
        *,
        source: str | None = None,
        connection: str | None = None,
        partition: str | None = None,
        limit: int | None = None,
    ) -> list[DeadLetter]:
        """The items that are set aside, those that failed last first."""
        return self._dead_letters.list(
            source=source, connection=connection, partition=partition, limit=limit
        )

    def dead_letter(self, letter_id: int) -> DeadLetter | None:
        """One dead letter; None when it is resolved already."""
        return self._dead_letters.get(letter_id)

    def count_dead_letters(
        self,
        *,
        source: str | None = None,
        connection: str | None = None,
        partition: str | None = None,
    ) -> int:
        """How many items are set aside."""
        return self._dead_letters.count(source=source, connection=connection, partition=partition)

    def resolve_dead_letters(self, letter_ids: Collection[int]) -> int:
        """Takes dead letters away; an item that fails again comes back as a new one.

        Returns:
            How many there were.
        """
        return self._dead_letters.resolve(letter_ids)

    # People

    def set_members(
        self,
        connection_id: int,
        principal: str,
        members: Collection[str],
        *,
        as_of: datetime | None = None,
    ) -> bool:
        """Says who is in a group or workspace: the complete list, replacing the one known before.

        Args:
            connection_id: Who says so; what other connections say of the same group stands beside.
            principal: `group:...` or `workspace:...`.
            members: Principals; groups may contain groups.
            as_of: When the source said so; now if not told. A list older than the one known is
                passed over: an old export must not give back what was taken away since.

        Returns:
            Whether anything changed.

        Raises:
            ValueError: A name is not a principal.
        """
        return self.membership.set_members(connection_id, principal, members, as_of)

    def set_identities(
        self,
        connection_id: int,
        people: Iterable[Collection[str]],
        *,
        as_of: datetime | None = None,
    ) -> bool:
        """Says which addresses and accounts are one person's: all such people of a connection.

        Args:
            connection_id: Who says so; it replaces what it said before.
            people: For each person `user:...` principals; who has only one need not be named.
            as_of: When the source said so; now if not told. What is older than the known is passed
                over.

        Returns:
            Whether anything changed.

        Raises:
            ValueError: A name is not a principal of one person.
        """
        return self.membership.set_identities(connection_id, people, as_of)

    def person(self, email: str, *, also: Collection[str] = ()) -> Person:
        """A person by any of their addresses, with everything they may read by.

        Args:
            email: The address; without `@` an account, as in `jira:<account id>`.
            also: Other addresses and accounts of theirs, which no source tells.

        Groups count that contain their groups, and so on; groups that contain each other do no
        harm. Addresses are compared without case, and in no other way: whether `a.b@` and `ab@` are
        one mailbox, only their provider knows.

        Who was in a list of members once and is in none any more (deactivated, left) reads what is
        public and nothing else. Who was never in any reads what is public and what names their very
        address; and what is for their domain, unless a source told people of that domain.
        """
        return self.membership.person(email, also)

    def principals_of(self, email: str) -> frozenset[str]:
        """Everything a person may read by; see `person`."""
        return self.membership.person(email).principals

    # Embedding cache

    def cached_vectors(self, model: str, hashes: Collection[str]) -> dict[str, bytes]:
        """The vectors that are cached for texts, by `documents.fingerprints.text_hash`."""
        return self._vectors.get(model, hashes)

    def cache_vectors(self, model: str, vectors: Mapping[str, bytes]) -> None:
        """Keeps vectors (float32 bytes, by text hash); the oldest make room where needed."""
        self._vectors.put(model, vectors)

    def vector_cache(self) -> list[VectorCacheSize]:
        """How much is cached, by model."""
        return self._vectors.sizes()

    def prune_vectors(self, limit: int = 0) -> int:
        """Cuts the cache to nine tenths of a bound where it is larger, the oldest vectors first.

        Args:
            limit: Bytes; 0 empties the cache.

        Returns:
            How many vectors went.
        """
        return self._vectors.prune(limit)
