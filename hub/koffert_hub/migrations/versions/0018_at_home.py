"""When a patient measures at home and in which language; what of it a box was told."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column("desired_state", sa.Column("home", sa.BigInteger()))
    op.create_table(
        "at_home",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("language", sa.Text()),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["patient.key"], name=op.f("fk_at_home_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_at_home")),
    )
    op.create_index(op.f("ix_at_home_patient"), "at_home", ["patient"])
