"""Where spirometry sessions lie, whom their reference values are for, and readings entered by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Go one step on."""
    op.create_table(
        "spirometry_part",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("log_sequence", sa.BigInteger(), nullable=False),
        sa.Column("taken_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient"], ["patient.key"], name=op.f("fk_spirometry_part_patient")
        ),
        sa.PrimaryKeyConstraint("patient", "id", name=op.f("pk_spirometry_part")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "physique",
        sa.Column("id", _ROWID, autoincrement=True, nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Text(), nullable=False),
        sa.Column("height_cm", sa.Float(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["patient.key"], name=op.f("fk_physique_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_physique")),
    )
    op.create_index(op.f("ix_physique_patient"), "physique", ["patient"])
    op.create_table(
        "hand_entry",
        sa.Column("reading", sa.LargeBinary(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("reading", name=op.f("pk_hand_entry")),
    )
    op.create_index(op.f("ix_hand_entry_patient"), "hand_entry", ["patient"])
