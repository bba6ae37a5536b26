"""The last call that somebody has taken, for the box to tell its patient."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column("desired_state", sa.Column("answered_call", sa.LargeBinary(), nullable=True))
