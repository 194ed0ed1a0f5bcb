"""Records that belong to another one, and documents that several records make."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the parent of records, and the table of copies."""
    op.add_column("ledger_records", sa.Column("parent", sa.Text))
    op.create_index(
        "ledger_records_parent",
        "ledger_records",
        ["connection_id", "parent"],
        sqlite_where=sa.text("parent IS NOT NULL"),
        postgresql_where=sa.text("parent IS NOT NULL"),
    )
    op.create_table(
        "ledger_copies",
        sa.Column("connection_id", sa.Integer, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("access", sa.Text, nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "document", "key", name="ledger_copies_pkey"),
        sqlite_with_rowid=False,
    )
