"""The VIP card."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.create_table(
        "patient_card",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("fast_track", sa.Boolean(), nullable=False),
        sa.Column("preferred_ward", sa.Text(), nullable=False),
        sa.Column("plan_contact", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["patient.key"], name=op.f("fk_patient_card_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_card")),
    )
    op.create_index(op.f("ix_patient_card_patient"), "patient_card", ["patient"], unique=False)
