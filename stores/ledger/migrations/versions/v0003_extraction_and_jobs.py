"""What was extracted, and the queue of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables."""
    _extraction()
    _jobs()
    op.create_table(
        "ledger_identity",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
    )


def _extraction() -> None:
    op.create_table(
        "ledger_extractions",
        sa.Column("partition_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cursor", sa.Text),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("listing_open", sa.Boolean, nullable=False),
        sa.Column("updated_at", sa.BigInteger),
    )
    table = "ledger_raw_extraction_data"
    op.create_table(
        table,
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("connection_id", sa.Integer, nullable=False),
        sa.Column("partition_id", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("payload_hash", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.Text),
        sa.Column("fetched_at", sa.BigInteger, nullable=False),
        sa.Column("occurred_at", sa.BigInteger),
        sa.Column("raw_file_id", _ROW_ID),
        sa.Column("raw_row", sa.Integer),
        sa.Column("parent", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("job_id", _ROW_ID),
        sa.Column("run_id", sa.Text, nullable=False),
    )
    if op.get_context().dialect.name == "postgresql":
        # Room on each page, so that marking a record as seen or transformed touches no index.
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 80)")
    op.create_index(f"{table}_key", table, ["connection_id", "key"], unique=True)
    op.create_index(f"{table}_partition", table, ["partition_id", "id"])
    _partial_index(f"{table}_parent", table, ["connection_id", "parent"], "parent IS NOT NULL")
    _partial_index(
        f"{table}_odd",
        table,
        ["status", "connection_id", "id"],
        "status NOT IN ('landed', 'transformed')",
    )


def _jobs() -> None:
    table = "ledger_etl_job_queue"
    op.create_table(
        table,
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("connection_id", sa.Integer, nullable=False),
        sa.Column("partition_id", sa.Integer),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("entity", sa.Text),
        sa.Column("batch", sa.Text),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("available_at", sa.BigInteger, nullable=False),
        sa.Column("dispatch_after", sa.BigInteger),
        sa.Column("token", sa.Text),
        sa.Column("claimed_by", sa.Text),
        sa.Column("process", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("run_id", sa.Text, nullable=False),
    )
    _partial_index(f"{table}_open", table, ["available_at", "id"], "finished_at IS NULL")
    _partial_index(
        f"{table}_dispatch", table, ["dispatch_after", "id"], "dispatch_after IS NOT NULL"
    )
    _partial_index(f"{table}_finished", table, ["finished_at"], "finished_at IS NOT NULL")
    _partial_index(f"{table}_key", table, ["connection_id", "key"], "key IS NOT NULL", unique=True)
    op.create_index(f"{table}_status", table, ["status", "connection_id", "id"])


def _partial_index(
    name: str, table: str, columns: list[str], where: str, *, unique: bool = False
) -> None:
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )
