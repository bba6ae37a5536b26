"""The calendar's table. Times are `..._ms` since 1970 in UTC."""

import sqlalchemy as sa

from koffert_hub.tables import metadata, numbered

# `planned_ms` is when it was first planned for, `changed_by` who moved or cancelled it last, by name.
planned_visit = sa.Table(
    "planned_visit",
    metadata,
    numbered(),
    sa.Column("patient", sa.Text, nullable=False, index=True),
    sa.Column("loan", sa.Text, sa.ForeignKey("loan.id"), nullable=False, index=True),
    sa.Column("planned_ms", sa.BigInteger, nullable=False),
    sa.Column("starts_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("visit_with", sa.Text, nullable=False),
    sa.Column("cancelled_ms", sa.BigInteger),
    sa.Column("held_ms", sa.BigInteger),
    sa.Column("changed_ms", sa.BigInteger),
    sa.Column("changed_by", sa.Text),
)
