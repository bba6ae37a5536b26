"""Birth number, telephone and next of kin of patients; who confirmed their identity."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column("person", sa.Column("birth_number", sa.Text()))
    for name in ("phone", "next_of_kin", "ward"):
        op.add_column("person", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_index(op.f("ix_person_birth_number"), "person", ["birth_number"])
    op.create_table(
        "identity_check",
        sa.Column("loan", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["loan"], ["loan.id"], name=op.f("fk_identity_check_loan")),
        sa.PrimaryKeyConstraint("loan", name=op.f("pk_identity_check")),
    )
