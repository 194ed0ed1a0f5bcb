"""The ledger's tables, as the newest migration leaves them.

Every name begins with `ledger_`: in SQLite the tables share a file with the documents, in
PostgreSQL often a database with something else. Times are microseconds since 1970 UTC, fingerprints
their 16 bytes; see `stores.ledger.packing`.

The tables that grow with the source (records, raw files, vectors, members) carry no foreign keys:
only this package writes them, and PostgreSQL would run one trigger a row.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

# SQLite numbers rows by itself only where the type is literally INTEGER.
_ROW_ID: Final = BigInteger().with_variant(Integer(), "sqlite")

metadata: Final = MetaData()

connections: Final = Table(
    "ledger_connections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False),
    UniqueConstraint("source", "name", name="ledger_connections_name"),
)

partitions: Final = Table(
    "ledger_partitions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("connection_id", ForeignKey("ledger_connections.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("cursor", Text),  # JSON
    Column("generation", Integer, nullable=False, default=0),
    Column("listing_open", Boolean, nullable=False, default=False),
    Column("updated_at", BigInteger),
    # What was said last of all its records at once, as JSON: their payloads may be older.
    Column("access_change", Text),
    Column("container_change", Text),
    Column("replayed", Text),  # JSON: how far a replay came that has not ended
    UniqueConstraint("connection_id", "key", name="ledger_partitions_key"),
)

records: Final = Table(
    "ledger_records",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("connection_id", Integer, nullable=False),
    Column("partition_id", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    # The listing in which it came into its partition: tells what was known before a listing began.
    Column("added", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload_hash", LargeBinary, nullable=False),
    Column("version", Text),
    Column("fetched_at", BigInteger, nullable=False),
    Column("occurred_at", BigInteger),
    Column("documents", LargeBinary, nullable=False),
    Column("raw_file_id", _ROW_ID),
    Column("raw_row", Integer),
    Column("url", Text),
    Column("parent", Text),  # key of the record it belongs to
    Index("ledger_records_key", "connection_id", "key", unique=True),
    Index("ledger_records_partition", "partition_id", "id"),
    Index(
        "ledger_records_parent",
        "connection_id",
        "parent",
        sqlite_where=text("parent IS NOT NULL"),
        postgresql_where=text("parent IS NOT NULL"),
    ),
)

# The records that make a document together: a mail that lies in several mailboxes.
copies: Final = Table(
    "ledger_copies",
    metadata,
    Column("connection_id", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),  # fingerprint of its id
    Column("key", Text, nullable=False),
    Column("access", Text, nullable=False),  # JSON
    Column("entry", Text, nullable=False),  # JSON
    PrimaryKeyConstraint("connection_id", "document", "key", name="ledger_copies_pkey"),
    sqlite_with_rowid=False,
)

raw_files: Final = Table(
    "ledger_raw_files",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("partition_id", Integer, nullable=False),
    Column("entity", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Index("ledger_raw_files_path", "path", unique=True),
    Index("ledger_raw_files_partition", "partition_id", "id"),
)

dead_letters: Final = Table(
    "ledger_dead_letters",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("connection_id", ForeignKey("ledger_connections.id"), nullable=False),
    Column("partition", Text, nullable=False),
    Column("item", LargeBinary, nullable=False),  # fingerprint of what failed
    Column("key", Text),
    Column("document_id", Text),
    Column("url", Text),
    Column("error", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("raw_ref", Text),
    Column("run_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    UniqueConstraint("connection_id", "partition", "item", name="ledger_dead_letters_item"),
    Index("ledger_dead_letters_key", "connection_id", "key"),
)

runs: Final = Table(
    "ledger_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection_id", ForeignKey("ledger_connections.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("counts", Text, nullable=False),  # JSON
    Column("message", Text, nullable=False),
    Column("flow_run_id", Text),
    Index("ledger_runs_connection", "connection_id", "state"),
    Index("ledger_runs_started", "started_at"),
)

principals: Final = Table(
    "ledger_principals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    UniqueConstraint("name", name="ledger_principals_name"),
)

# When a source last said who is in a group, so that an older answer does not undo it.
groups: Final = Table(
    "ledger_groups",
    metadata,
    Column("connection_id", Integer, nullable=False),
    Column("group_id", Integer, nullable=False),
    Column("said_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("connection_id", "group_id", name="ledger_groups_pkey"),
    sqlite_with_rowid=False,
)

members: Final = Table(
    "ledger_members",
    metadata,
    Column("connection_id", Integer, nullable=False),
    Column("group_id", Integer, nullable=False),
    Column("member_id", Integer, nullable=False),
    PrimaryKeyConstraint("connection_id", "group_id", "member_id", name="ledger_members_pkey"),
    Index("ledger_members_member", "member_id", "group_id"),
    sqlite_with_rowid=False,
)

models: Final = Table(
    "ledger_models",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    UniqueConstraint("name", name="ledger_models_name"),
)

# With a row id although the hash would do as the key: rows this large make a WITHOUT ROWID table
# three times slower to write.
embeddings: Final = Table(
    "ledger_embeddings",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("model_id", Integer, nullable=False),
    Column("text_hash", LargeBinary, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Index("ledger_embeddings_hash", "model_id", "text_hash", unique=True),
)

leases: Final = Table(
    "ledger_leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("host", Text, nullable=False),  # what a person calls the machine
    Column("process", Text, nullable=False),  # see stores.ledger.processes
    Column("acquired_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

# How far each partition was extracted: apart from its sync, which compares with other records.
extractions: Final = Table(
    "ledger_extractions",
    metadata,
    Column("partition_id", Integer, primary_key=True, autoincrement=False),
    Column("cursor", Text),  # JSON
    Column("generation", Integer, nullable=False),
    Column("listing_open", Boolean, nullable=False),
    Column("updated_at", BigInteger),
)

_ODD: Final = text("status NOT IN ('landed', 'transformed')")

extracted: Final = Table(
    "ledger_raw_extraction_data",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("connection_id", Integer, nullable=False),
    Column("partition_id", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("added", Integer, nullable=False),
    Column("entity", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload_hash", LargeBinary, nullable=False),
    Column("version", Text),
    Column("fetched_at", BigInteger, nullable=False),
    Column("occurred_at", BigInteger),
    Column("raw_file_id", _ROW_ID),
    Column("raw_row", Integer),
    Column("parent", Text),
    Column("status", Text, nullable=False),
    Column("error", Text),
    Column("job_id", _ROW_ID),
    Column("run_id", Text, nullable=False),
    Index("ledger_raw_extraction_data_key", "connection_id", "key", unique=True),
    Index("ledger_raw_extraction_data_partition", "partition_id", "id"),
    Index(
        "ledger_raw_extraction_data_parent",
        "connection_id",
        "parent",
        sqlite_where=text("parent IS NOT NULL"),
        postgresql_where=text("parent IS NOT NULL"),
    ),
    # What is looked for by status is rare; the rest is found soon in the order of ids.
    Index(
        "ledger_raw_extraction_data_odd",
        "status",
        "connection_id",
        "id",
        sqlite_where=_ODD,
        postgresql_where=_ODD,
    ),
)

_OPEN: Final = text("finished_at IS NULL")
_FINISHED: Final = text("finished_at IS NOT NULL")
_KEYED: Final = text("key IS NOT NULL")
_TO_DISPATCH: Final = text("dispatch_after IS NOT NULL")

jobs: Final = Table(
    "ledger_etl_job_queue",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("connection_id", Integer, nullable=False),
    Column("partition_id", Integer),
    Column("type", Text, nullable=False),
    Column("entity", Text),
    Column("batch", Text),  # path of a landed file
    Column("rows", Integer, nullable=False),
    Column("details", Text, nullable=False),  # JSON
    Column("key", Text),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    # From when on it may be claimed: its next attempt, or when its worker's claim runs out.
    Column("available_at", BigInteger, nullable=False),
    # From when on a broker is to be told of it (again); NULL once it was.
    Column("dispatch_after", BigInteger),
    Column("token", Text),  # of the claim
    Column("claimed_by", Text),
    Column("process", Text),  # of who has it, see stores.ledger.processes
    Column("error", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("run_id", Text, nullable=False),
    Index(
        "ledger_etl_job_queue_open",
        "available_at",
        "id",
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
    Index(
        "ledger_etl_job_queue_dispatch",
        "dispatch_after",
        "id",
        sqlite_where=_TO_DISPATCH,
        postgresql_where=_TO_DISPATCH,
    ),
    Index(
        "ledger_etl_job_queue_finished",
        "finished_at",
        sqlite_where=_FINISHED,
        postgresql_where=_FINISHED,
    ),
    Index(
        "ledger_etl_job_queue_key",
        "connection_id",
        "key",
        unique=True,
        sqlite_where=_KEYED,
        postgresql_where=_KEYED,
    ),
    Index("ledger_etl_job_queue_status", "status", "connection_id", "id"),
)

# Names this ledger to a broker that several of them may share. One row, numbered 1.
identity: Final = Table(
    "ledger_identity",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
)

# What an operator switches while everything runs. A flag without a row is on.
flags: Final = Table(
    "ledger_flags",
    metadata,
    Column("name", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
