"""Settings of the whole queue: whether it is paused, and how many runs run at once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table, without rows."""
    op.create_table("switches", sa.Column("name", sa.String(64), primary_key=True), sa.Column("value", sa.JSON, nullable=False))
