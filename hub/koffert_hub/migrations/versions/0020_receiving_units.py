"""Documents sent to a receiving unit with its receipt; who works at which unit."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column("user", sa.Column("unit", sa.Text()))
    op.create_table(
        "document_dispatch",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_by", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("received_ms", sa.BigInteger()),
        sa.Column("received_by", sa.Text()),
        sa.Column("receiver", sa.Text()),
        sa.ForeignKeyConstraint(
            ["patient"], ["patient.key"], name=op.f("fk_document_dispatch_patient")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_dispatch")),
    )
    for column in ("document", "patient", "unit"):
        name = op.f(f"ix_document_dispatch_{column}")
        op.create_index(name, "document_dispatch", [column], unique=False)
