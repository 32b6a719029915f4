"""Where a data set came from, and to whom data sets and runs belong."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; what is there already has no parent and belongs to nobody in particular."""
    op.add_column("datasets", sa.Column("parent_id", sa.String(64)))
    op.add_column("datasets", sa.Column("change", sa.Text))
    op.add_column("datasets", sa.Column("owner", sa.Text))
    op.create_index("ix_datasets_owner", "datasets", ["owner"])
    op.add_column("runs", sa.Column("owner", sa.Text))
    op.create_index("ix_runs_owner", "runs", ["owner"])
