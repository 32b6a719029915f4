"""Parent and change of a data set, and owners of data sets and runs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; existing rows have no parent and no owner."""
    op.add_column("datasets", sa.Column("parent_id", sa.String(64)))
    op.add_column("datasets", sa.Column("change", sa.Text))
    op.add_column("datasets", sa.Column("owner", sa.Text))
    op.create_index("ix_datasets_owner", "datasets", ["owner"])
    op.add_column("runs", sa.Column("owner", sa.Text))
    op.create_index("ix_runs_owner", "runs", ["owner"])
