"""Shared screens, PIN, badge and second factor; who took a shift over."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    op.add_column(
        "web_session",
        sa.Column("station", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for name in ("acting_username", "acting_name", "acting_role"):
        op.add_column("web_session", sa.Column(name, sa.Text()))
    op.add_column("web_session", sa.Column("acting_until_ms", sa.BigInteger()))
    op.create_table(
        "credential",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("pin_hash", sa.Text()),
        sa.Column("badge_hash", sa.LargeBinary()),
        sa.Column("totp_secret", sa.Text()),
        sa.Column("totp_last", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["username"], ["user.username"], name=op.f("fk_credential_username")
        ),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_credential")),
        sa.UniqueConstraint("badge_hash", name=op.f("uq_credential_badge_hash")),
    )
    op.create_table(
        "shift_change",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_change")),
    )
