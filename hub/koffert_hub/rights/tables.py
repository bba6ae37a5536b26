"""The tables of patients' rights, in the hub's database. All of it is erased with the patient."""

import sqlalchemy as sa

from koffert_hub.tables import metadata, numbered, of_patient

# What stood before somebody corrected who the patient is. Rows are added, never changed.
person_change = sa.Table(
    "person_change",
    metadata,
    numbered(),
    of_patient(),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
)

# Open, restricted or closed: the newest row of a patient holds, none means open.
record_state = sa.Table(
    "record_state",
    metadata,
    numbered(),
    of_patient(),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

# The words that patients were asked to agree to. A version is never changed, only followed by a newer one.
consent_text = sa.Table(
    "consent_text",
    metadata,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("added_ms", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

# Who gave or withdrew a consent to which words, and who recorded it. Rows are added, never changed.
consent = sa.Table(
    "consent",
    metadata,
    numbered(),
    of_patient(),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("version", sa.Text, sa.ForeignKey("consent_text.version"), nullable=False),
    sa.Column("given", sa.Boolean, nullable=False),
)


def forget_rights(connection: sa.Connection, patient: str) -> None:
    """Erase what was corrected, agreed to and decided of one patient's record."""
    for table in (person_change, record_state, consent):
        connection.execute(table.delete().where(table.c.patient == patient))
