"""What each lent box goes by."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column("desired_state", sa.Column("settings", sa.LargeBinary(), nullable=True))
    op.add_column("desired_state", sa.Column("setting", sa.BigInteger(), nullable=True))
