"""Self-management plans, and the one that a box holds."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column("desired_state", sa.Column("plan", sa.LargeBinary()))
    op.create_table(
        "self_plan",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("green", sa.Text(), nullable=False),
        sa.Column("yellow", sa.Text(), nullable=False),
        sa.Column("red", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_self_plan")),
    )
    op.create_index(op.f("ix_self_plan_patient"), "self_plan", ["patient"])
