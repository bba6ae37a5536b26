"""The hub's tables: registry, transmission log, bodies, and what ingest keeps count of.

Names and birth numbers of patients stand in `person` alone; every other table knows a patient by the pseudonymous key.
Times are `..._ms` since 1970 in UTC. The log's tables hold no clinical value; `body` holds them all.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives only INTEGER PRIMARY KEY a rowid alias; PostgreSQL needs 64 bits.
ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def numbered() -> "sa.Column[int]":
    """A key that counts up by itself."""
    return sa.Column("id", ROWID, primary_key=True, autoincrement=True)


def of_patient() -> "sa.Column[str]":
    """Whose row it is."""
    return sa.Column("patient", sa.Text, sa.ForeignKey("patient.key"), nullable=False, index=True)


def _text_key(name: str, target: str, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, sa.ForeignKey(target), nullable=nullable, index=True)


centre = sa.Table(
    "centre",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

patient = sa.Table(
    "patient",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    _text_key("centre", "centre.id"),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("erased_ms", sa.BigInteger),
)

person = sa.Table(
    "person",
    metadata,
    sa.Column("patient", sa.Text, sa.ForeignKey("patient.key"), primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("birth_number", sa.Text, index=True),
    sa.Column("phone", sa.Text, nullable=False, server_default=""),
    sa.Column("next_of_kin", sa.Text, nullable=False, server_default=""),
    sa.Column("ward", sa.Text, nullable=False, server_default=""),
)

device = sa.Table(
    "device",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text_key("centre", "centre.id"),
    sa.Column("link_key", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

loan = sa.Table(
    "loan",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text_key("patient", "patient.key"),
    _text_key("device", "device.id"),
    _text_key("centre", "centre.id"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("started_ms", sa.BigInteger),
    sa.Column("ended_ms", sa.BigInteger),
    sa.Column("end_reason", sa.Text),
    # The digest of the signed alert rules that it began on.
    sa.Column("rules", sa.Text),
)

# Who saw that the person with the suitcase is the patient of the loan.
identity_check = sa.Table(
    "identity_check",
    metadata,
    sa.Column("loan", sa.Text, sa.ForeignKey("loan.id"), primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

user = sa.Table(
    "user",
    metadata,
    sa.Column("username", sa.Text, primary_key=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    _text_key("centre", "centre.id", nullable=True),
    # The receiving unit that a receiver works at; null for every other role.
    sa.Column("unit", sa.Text),
)

# Up to record `complete_to` the bodies were there when the epoch began: boxes send again what came later.
hub_epoch = sa.Table(
    "hub_epoch",
    metadata,
    sa.Column("number", ROWID, primary_key=True),
    sa.Column("id", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("from_sequence", sa.BigInteger, nullable=False),
    sa.Column("complete_to", sa.BigInteger, nullable=False),
)

# One row: whoever appends to the log holds it until the commit, so sequences never skip.
log_state = sa.Table(
    "log_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=False),
    sa.Column("epoch", sa.LargeBinary, nullable=False),
)

# `at_ms` and `device` repeat what stands in the record, for searching; the record is what counts.
transmission_log = sa.Table(
    "transmission_log",
    metadata,
    sa.Column("sequence", ROWID, primary_key=True, autoincrement=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("device", sa.Text),
    sa.Index("ix_transmission_log_device", "device", "sequence"),
)

# The hub's own signatures and the emergency centre's countersignatures.
signed_head = sa.Table(
    "signed_head",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key_id", sa.LargeBinary, primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
)

# Every transmission that was taken in, stored or quarantined: what a duplicate is recognised by.
transmission = sa.Table(
    "transmission",
    metadata,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("id", sa.LargeBinary, primary_key=True),
    sa.Column("log_sequence", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What was sent, opened. `salt` makes the log's hash of it say nothing once this row is gone.
# `patient` and `loan` are null for what a box says of itself while it is not lent.
body = sa.Table(
    "body",
    metadata,
    sa.Column("log_sequence", ROWID, primary_key=True, autoincrement=False),
    sa.Column("patient", sa.Text, index=True),
    sa.Column("loan", sa.Text),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("header", sa.LargeBinary, nullable=False),
    sa.Column("messages", sa.LargeBinary, nullable=False),
    sa.Column("time_basis", sa.LargeBinary, nullable=False),
)

# A reading that a person said does not count; it stays in its body, and no projection shows it.
correction = sa.Table(
    "correction",
    metadata,
    sa.Column("patient", sa.Text, primary_key=True),
    sa.Column("reading", sa.LargeBinary, primary_key=True),
    sa.Column("loan", sa.Text),
    sa.Column("body_sequence", sa.BigInteger, nullable=False),
    sa.Column("log_sequence", sa.BigInteger, nullable=False, index=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

# Bytes that could not be filed, whole, for `koffert hub requeue`.
quarantine = sa.Table(
    "quarantine",
    metadata,
    numbered(),
    sa.Column("device", sa.Text, nullable=False, index=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
    sa.Column("log_sequence", sa.BigInteger, nullable=False),
    sa.Column("requeued_ms", sa.BigInteger),
    sa.UniqueConstraint("device", "digest"),
)

# What of each outbox's lane has arrived; `gaps` is the JSON of `gaps.Gap`s. An outbox is one loan's.
lane_progress = sa.Table(
    "lane_progress",
    metadata,
    sa.Column("outbox", sa.LargeBinary, primary_key=True),
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, nullable=False, index=True),
    sa.Column("next_sequence", sa.BigInteger, nullable=False),
    sa.Column("latest_measured_ms", sa.BigInteger, nullable=False),
    sa.Column("gaps", sa.Text, nullable=False),
    sa.Column("loan", sa.Text),
)

# What a box has last said of each of its meters. They are the case's own, whoever has it.
meter = sa.Table(
    "meter",
    metadata,
    sa.Column("device", sa.Text, sa.ForeignKey("device.id"), primary_key=True),
    sa.Column("sensor", sa.Text, primary_key=True),
    sa.Column("serial", sa.Text),
    sa.Column("link", sa.Text, nullable=False),
    sa.Column("battery_pct", sa.Float),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

# For the engineer, not the nurse: at most one open row per device and cause.
technical_alert = sa.Table(
    "technical_alert",
    metadata,
    numbered(),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("opened_ms", sa.BigInteger, nullable=False),
    sa.Column("last_ms", sa.BigInteger, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("closed_ms", sa.BigInteger),
    sa.Index(
        "uq_technical_alert_open",
        "device",
        "cause",
        unique=True,
        sqlite_where=sa.text("closed_ms IS NULL"),
        postgresql_where=sa.text("closed_ms IS NULL"),
    ),
)

# How far each projection that lives in this database has read the log.
cursor = sa.Table(
    "cursor",
    metadata,
    sa.Column("projection", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)
