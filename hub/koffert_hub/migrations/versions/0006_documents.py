"""Documents, their parts, and what people decided of them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    _document_part()
    _document()
    _document_decision()


def _document_part() -> None:
    op.create_table(
        "document_part",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("log_sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient"], ["patient.key"], name=op.f("fk_document_part_patient")
        ),
        sa.PrimaryKeyConstraint("patient", "document", "number", name=op.f("pk_document_part")),
        sqlite_with_rowid=False,
    )


def _document() -> None:
    op.create_table(
        "document",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("loan", sa.Text(), nullable=True),
        sa.Column("log_sequence", sa.BigInteger(), nullable=False),
        sa.Column("taken_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("summary", sa.LargeBinary(), nullable=True),
        sa.Column("leads", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["patient"], ["patient.key"], name=op.f("fk_document_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
    )
    op.create_index(op.f("ix_document_patient"), "document", ["patient"], unique=False)


def _document_decision() -> None:
    op.create_table(
        "document_decision",
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient"], ["patient.key"], name=op.f("fk_document_decision_patient")
        ),
        sa.PrimaryKeyConstraint("document", name=op.f("pk_document_decision")),
    )
    op.create_index(
        op.f("ix_document_decision_patient"), "document_decision", ["patient"], unique=False
    )
