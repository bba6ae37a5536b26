"""What nurses write to patients' screens."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column("desired_state", sa.Column("message", sa.LargeBinary()))
    op.create_table(
        "nurse_message",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("loan", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("read_ms", sa.BigInteger()),
        sa.ForeignKeyConstraint(["loan"], ["loan.id"], name=op.f("fk_nurse_message_loan_loan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nurse_message")),
    )
    op.create_index(op.f("ix_nurse_message_loan"), "nurse_message", ["loan"])
    op.create_index(op.f("ix_nurse_message_patient"), "nurse_message", ["patient"])
