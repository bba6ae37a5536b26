"""The tables of the alerts, in the hub's database. Everything that names a value is erased with the patient."""

import sqlalchemy as sa

from koffert_hub.tables import metadata, numbered, of_patient


def _loan() -> "sa.Column[str]":
    return sa.Column("loan", sa.Text, sa.ForeignKey("loan.id"), nullable=False, index=True)


# What the engine read, so that late data can be folded in again; `data` is the msgpack of a `Reading`.
alert_reading = sa.Table(
    "alert_reading",
    metadata,
    sa.Column("loan", sa.Text, sa.ForeignKey("loan.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("patient", sa.Text, nullable=False, index=True),
    sa.Column("measured_ms", sa.BigInteger, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# Where the engine stands with each loan; `elapsed_ms` is when its last timer fired.
alert_state = sa.Table(
    "alert_state",
    metadata,
    sa.Column("loan", sa.Text, sa.ForeignKey("loan.id"), primary_key=True),
    sa.Column("patient", sa.Text, nullable=False, index=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("elapsed_ms", sa.BigInteger, nullable=False),
    sa.Column("next_due_ms", sa.BigInteger, index=True),
    sa.Column("last_arrival_ms", sa.BigInteger, nullable=False),
)

# One row for each alert that was raised; `content` is the msgpack of an `Alert` as it was raised.
alert = sa.Table(
    "alert",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _loan(),
    sa.Column("patient", sa.Text, nullable=False, index=True),
    sa.Column("centre", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("priority", sa.Text, nullable=False),
    sa.Column("life", sa.Text, nullable=False),
    sa.Column("opened_ms", sa.BigInteger, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("cleared_ms", sa.BigInteger),
    sa.Column("revised_ms", sa.BigInteger),
    sa.Column("taken_by", sa.Text),
    sa.Column("taken_name", sa.Text),
    sa.Column("taken_ms", sa.BigInteger),
    sa.Column("until_ms", sa.BigInteger),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("resolved_ms", sa.BigInteger),
    sa.Index(
        "uq_alert_open",
        "loan",
        "cause",
        unique=True,
        sqlite_where=sa.text("resolved_ms IS NULL"),
        postgresql_where=sa.text("resolved_ms IS NULL"),
    ),
)

# Every change of an alert's life: who did what, when, and the note that was left.
alert_change = sa.Table(
    "alert_change",
    metadata,
    numbered(),
    sa.Column("alert", sa.Text, sa.ForeignKey("alert.id"), nullable=False, index=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("by", sa.Text),
    sa.Column("note", sa.Text),
)

# What was to be sent to whom; a row is written before anything is sent, and kept.
alert_notice = sa.Table(
    "alert_notice",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("alert", sa.Text, sa.ForeignKey("alert.id"), nullable=False, index=True),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("contact", sa.Text, nullable=False),
    sa.Column("queued_ms", sa.BigInteger, nullable=False),
    sa.Column("sent_ms", sa.BigInteger),
    sa.Column("failed_ms", sa.BigInteger),
    sa.Column("reason", sa.Text),
)

# A doctor's settings for a patient from a moment on; never changed, only followed by newer ones.
alert_setting = sa.Table(
    "alert_setting",
    metadata,
    numbered(),
    of_patient(),
    sa.Column("from_ms", sa.BigInteger, nullable=False),
    sa.Column("doctor", sa.Text, nullable=False),
    sa.Column("settings", sa.LargeBinary, nullable=False),
)

# Which ward a patient goes to, and whom to ask about the plan; the newest row holds.
patient_card = sa.Table(
    "patient_card",
    metadata,
    numbered(),
    of_patient(),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("fast_track", sa.Boolean, nullable=False),
    sa.Column("preferred_ward", sa.Text, nullable=False),
    sa.Column("plan_contact", sa.Text, nullable=False),
)

# Who can be reached; everyone keeps the own entry current.
roster_entry = sa.Table(
    "roster_entry",
    metadata,
    sa.Column("username", sa.Text, primary_key=True),
    sa.Column("centre", sa.Text, sa.ForeignKey("centre.id"), nullable=False, index=True),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.Column("changed_ms", sa.BigInteger, nullable=False),
)
