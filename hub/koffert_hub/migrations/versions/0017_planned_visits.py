"""Planned visits, and those that a box was told of."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column("desired_state", sa.Column("visits", sa.LargeBinary()))
    op.create_table(
        "planned_visit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("loan", sa.Text(), nullable=False),
        sa.Column("planned_ms", sa.BigInteger(), nullable=False),
        sa.Column("starts_ms", sa.BigInteger(), nullable=False),
        sa.Column("visit_with", sa.Text(), nullable=False),
        sa.Column("cancelled_ms", sa.BigInteger()),
        sa.Column("held_ms", sa.BigInteger()),
        sa.Column("changed_ms", sa.BigInteger()),
        sa.Column("changed_by", sa.Text()),
        sa.ForeignKeyConstraint(["loan"], ["loan.id"], name=op.f("fk_planned_visit_loan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planned_visit")),
    )
    for column in ("loan", "patient", "starts_ms"):
        op.create_index(op.f(f"ix_planned_visit_{column}"), "planned_visit", [column])
