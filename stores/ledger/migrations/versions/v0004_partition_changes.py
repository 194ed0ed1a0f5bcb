"""What was said of all records of a partition at once, and how far its replay came."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds three columns to the partitions."""
    for name in ("access_change", "container_change", "replayed"):
        op.add_column("ledger_partitions", sa.Column(name, sa.Text))
