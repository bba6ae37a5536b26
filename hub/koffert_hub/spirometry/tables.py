"""The tables of the spirometry, in the hub's database. All of it is erased with the patient."""

import sqlalchemy as sa

from koffert_hub.tables import metadata, numbered, of_patient

# Which body of the log holds a session or the curve of a blow; a rebuild makes it again. The values stay there.
spirometry_part = sa.Table(
    "spirometry_part",
    metadata,
    sa.Column("patient", sa.Text, sa.ForeignKey("patient.key"), primary_key=True),
    sa.Column("id", sa.LargeBinary, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("log_sequence", sa.BigInteger, nullable=False),
    sa.Column("taken_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Whom the reference values are for. Rows are added, never changed; the newest counts.
physique = sa.Table(
    "physique",
    metadata,
    numbered(),
    of_patient(),
    sa.Column("sex", sa.Text, nullable=False),
    sa.Column("birth_date", sa.Text, nullable=False),
    sa.Column("height_cm", sa.Float, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)


def forget_spirometry(connection: sa.Connection, patient: str) -> None:
    """Erase what is known of one patient's sessions and build."""
    for table in (spirometry_part, physique):
        connection.execute(table.delete().where(table.c.patient == patient))
