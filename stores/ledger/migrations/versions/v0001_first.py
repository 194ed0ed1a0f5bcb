"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables."""
    _sources()
    _records()
    _runs()
    _people()
    _vectors()


def _sources() -> None:
    op.create_table(
        "ledger_connections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.UniqueConstraint("source", "name", name="ledger_connections_name"),
    )
    op.create_table(
        "ledger_partitions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "connection_id", sa.Integer, sa.ForeignKey("ledger_connections.id"), nullable=False
        ),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("cursor", sa.Text),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("listing_open", sa.Boolean, nullable=False),
        sa.Column("updated_at", sa.BigInteger),
        sa.UniqueConstraint("connection_id", "key", name="ledger_partitions_key"),
    )


def _records() -> None:
    op.create_table(
        "ledger_records",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("connection_id", sa.Integer, nullable=False),
        sa.Column("partition_id", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("payload_hash", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.Text),
        sa.Column("fetched_at", sa.BigInteger, nullable=False),
        sa.Column("occurred_at", sa.BigInteger),
        sa.Column("documents", sa.LargeBinary, nullable=False),
        sa.Column("raw_file_id", _ROW_ID),
        sa.Column("raw_row", sa.Integer),
        sa.Column("url", sa.Text),
    )
    if op.get_context().dialect.name == "postgresql":
        # Room on each page, so that marking a record as seen stays on it and touches no index.
        op.execute("ALTER TABLE ledger_records SET (fillfactor = 80)")
    op.create_index("ledger_records_key", "ledger_records", ["connection_id", "key"], unique=True)
    op.create_index("ledger_records_partition", "ledger_records", ["partition_id", "id"])
    op.create_table(
        "ledger_raw_files",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("partition_id", sa.Integer, nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
    )
    op.create_index("ledger_raw_files_path", "ledger_raw_files", ["path"], unique=True)
    op.create_index("ledger_raw_files_partition", "ledger_raw_files", ["partition_id", "id"])
    op.create_table(
        "ledger_dead_letters",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column(
            "connection_id", sa.Integer, sa.ForeignKey("ledger_connections.id"), nullable=False
        ),
        sa.Column("partition", sa.Text, nullable=False),
        sa.Column("item", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("document_id", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("raw_ref", sa.Text),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("connection_id", "partition", "item", name="ledger_dead_letters_item"),
    )
    op.create_index("ledger_dead_letters_key", "ledger_dead_letters", ["connection_id", "key"])


def _runs() -> None:
    op.create_table(
        "ledger_runs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "connection_id", sa.Integer, sa.ForeignKey("ledger_connections.id"), nullable=False
        ),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("flow_run_id", sa.Text),
    )
    op.create_index("ledger_runs_connection", "ledger_runs", ["connection_id", "state"])
    op.create_index("ledger_runs_started", "ledger_runs", ["started_at"])
    op.create_table(
        "ledger_leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("acquired_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )


def _people() -> None:
    op.create_table(
        "ledger_principals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.UniqueConstraint("name", name="ledger_principals_name"),
    )
    op.create_table(
        "ledger_groups",
        sa.Column("connection_id", sa.Integer, nullable=False),
        sa.Column("group_id", sa.Integer, nullable=False),
        sa.Column("said_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "group_id", name="ledger_groups_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_members",
        sa.Column("connection_id", sa.Integer, nullable=False),
        sa.Column("group_id", sa.Integer, nullable=False),
        sa.Column("member_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(
            "connection_id", "group_id", "member_id", name="ledger_members_pkey"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ledger_members_member", "ledger_members", ["member_id", "group_id"])


def _vectors() -> None:
    op.create_table(
        "ledger_models",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.UniqueConstraint("name", name="ledger_models_name"),
    )
    op.create_table(
        "ledger_embeddings",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("text_hash", sa.LargeBinary, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_index(
        "ledger_embeddings_hash", "ledger_embeddings", ["model_id", "text_hash"], unique=True
    )
