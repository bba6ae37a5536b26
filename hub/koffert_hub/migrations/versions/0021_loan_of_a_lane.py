"""Whose loan an outbox is of, so that what is missing can be shown with the patient."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column("lane_progress", sa.Column("loan", sa.Text()))
