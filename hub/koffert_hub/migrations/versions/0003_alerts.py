"""The alerts, their readings and notices, and the roster."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    _roster_entry()
    _alert_setting()
    _alert()
    _alert_reading()
    _alert_state()
    _alert_change()
    _alert_notice()


def _roster_entry() -> None:
    op.create_table(
        "roster_entry",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("centre", sa.Text(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["centre"], ["centre.id"], name=op.f("fk_roster_entry_centre")),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_roster_entry")),
    )
    op.create_index(op.f("ix_roster_entry_centre"), "roster_entry", ["centre"], unique=False)


def _alert_setting() -> None:
    op.create_table(
        "alert_setting",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("doctor", sa.Text(), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient"], ["patient.key"], name=op.f("fk_alert_setting_patient")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_setting")),
    )
    op.create_index(op.f("ix_alert_setting_patient"), "alert_setting", ["patient"], unique=False)


def _alert() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("loan", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("centre", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("life", sa.Text(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("cleared_ms", sa.BigInteger(), nullable=True),
        sa.Column("revised_ms", sa.BigInteger(), nullable=True),
        sa.Column("taken_by", sa.Text(), nullable=True),
        sa.Column("taken_name", sa.Text(), nullable=True),
        sa.Column("taken_ms", sa.BigInteger(), nullable=True),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("resolved_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["loan"], ["loan.id"], name=op.f("fk_alert_loan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index(op.f("ix_alert_loan"), "alert", ["loan"], unique=False)
    op.create_index(op.f("ix_alert_patient"), "alert", ["patient"], unique=False)
    op.create_index(
        "uq_alert_open",
        "alert",
        ["loan", "cause"],
        unique=True,
        sqlite_where=sa.text("resolved_ms IS NULL"),
        postgresql_where=sa.text("resolved_ms IS NULL"),
    )


def _alert_reading() -> None:
    op.create_table(
        "alert_reading",
        sa.Column("loan", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("measured_ms", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["loan"], ["loan.id"], name=op.f("fk_alert_reading_loan")),
        sa.PrimaryKeyConstraint("loan", "id", name=op.f("pk_alert_reading")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_alert_reading_patient"), "alert_reading", ["patient"], unique=False)


def _alert_state() -> None:
    op.create_table(
        "alert_state",
        sa.Column("loan", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("elapsed_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_due_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_arrival_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["loan"], ["loan.id"], name=op.f("fk_alert_state_loan")),
        sa.PrimaryKeyConstraint("loan", name=op.f("pk_alert_state")),
    )
    op.create_index(
        op.f("ix_alert_state_next_due_ms"), "alert_state", ["next_due_ms"], unique=False
    )
    op.create_index(op.f("ix_alert_state_patient"), "alert_state", ["patient"], unique=False)


def _alert_change() -> None:
    op.create_table(
        "alert_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["alert"], ["alert.id"], name=op.f("fk_alert_change_alert")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_change")),
    )
    op.create_index(op.f("ix_alert_change_alert"), "alert_change", ["alert"], unique=False)


def _alert_notice() -> None:
    op.create_table(
        "alert_notice",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("queued_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("failed_ms", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["alert"], ["alert.id"], name=op.f("fk_alert_notice_alert")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_notice")),
    )
    op.create_index(op.f("ix_alert_notice_alert"), "alert_notice", ["alert"], unique=False)
