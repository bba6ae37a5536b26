"""The tables of the documents, in the hub's database. All of it is erased with the patient."""

import sqlalchemy as sa

from koffert_hub.tables import metadata, numbered, of_patient

# Which bodies of the log hold the parts of a document that is not whole yet. The bytes stay there.
document_part = sa.Table(
    "document_part",
    metadata,
    sa.Column("patient", sa.Text, sa.ForeignKey("patient.key"), primary_key=True),
    sa.Column("document", sa.LargeBinary, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("log_sequence", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# One row for each document, made again from the log by a rebuild. `id` follows from patient and content.
# `summary` is the msgpack of a `Summary`, `leads` that of the signals (`signals.py`); both are null for
# what could not be read, and then `reason` says why.
document = sa.Table(
    "document",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    of_patient(),
    sa.Column("loan", sa.Text),
    sa.Column("log_sequence", sa.BigInteger, nullable=False),
    sa.Column("taken_ms", sa.BigInteger, nullable=False),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("summary", sa.LargeBinary),
    sa.Column("leads", sa.LargeBinary),
)

# What a person decided of a document that was held; a rebuild keeps it.
document_decision = sa.Table(
    "document_decision",
    metadata,
    sa.Column("document", sa.Text, primary_key=True),
    of_patient(),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)


# A document that was sent to a receiving unit, and the unit's receipt. A rebuild keeps it.
document_dispatch = sa.Table(
    "document_dispatch",
    metadata,
    numbered(),
    sa.Column("document", sa.Text, nullable=False, index=True),
    of_patient(),
    sa.Column("unit", sa.Text, nullable=False, index=True),
    sa.Column("sent_ms", sa.BigInteger, nullable=False),
    sa.Column("sent_by", sa.Text, nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("received_ms", sa.BigInteger),
    sa.Column("received_by", sa.Text),
    sa.Column("receiver", sa.Text),
)


def forget_documents(connection: sa.Connection, patient: str) -> None:
    """Erase every document of one patient, what was decided of them, and to whom they were sent."""
    for table in (document, document_part, document_decision, document_dispatch):
        connection.execute(table.delete().where(table.c.patient == patient))
