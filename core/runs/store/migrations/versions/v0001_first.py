"""The first version of the database: data sets and runs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False, index=True),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("num_examples", sa.Integer, nullable=False),
        sa.Column("num_labels", sa.Integer, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False, index=True),
        sa.Column("dataset_id", sa.String(64), sa.ForeignKey("datasets.id"), nullable=False, index=True),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("recipe", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("queue_position", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False, index=True),
        sa.Column("started_at", sa.DateTime),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("earlier_s", sa.Double, nullable=False),
        sa.Column("headline_name", sa.Text),
        sa.Column("headline", sa.Double),
        sa.Column("message", sa.Text),
        sa.Column("stop_requested", sa.Boolean, nullable=False),
        sa.Column("finish_early", sa.Boolean, nullable=False),
        sa.Column("events_offset", sa.BigInteger, nullable=False),
        sa.Column("worker_pid", sa.Integer),
        sa.Column("worker_started_at", sa.Double),
        sa.Column("worker_boot_id", sa.String(64)),
        sa.Column("tags", sa.JSON, nullable=False),
    )
