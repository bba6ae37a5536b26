"""The signed rules that a loan began on."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column("loan", sa.Column("rules", sa.Text(), nullable=True))
