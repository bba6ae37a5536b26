"""What a box has last said of each of its meters: link and battery."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.create_table(
        "meter",
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("sensor", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text()),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("battery_pct", sa.Float()),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["device.id"], name=op.f("fk_meter_device")),
        sa.PrimaryKeyConstraint("device", "sensor", name=op.f("pk_meter")),
    )
