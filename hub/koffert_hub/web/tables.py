"""The web app's own tables, in the hub's database; its migrations create them."""

import sqlalchemy as sa

from koffert_hub.tables import metadata, numbered

# One row per log-in. The cookie's token stands here as a hash: a copy of the database logs nobody in.
web_session = sa.Table(
    "web_session",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("username", sa.Text, nullable=False, index=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("seen_ms", sa.BigInteger, nullable=False),
    # A shared screen: it shows the ward and never ends by itself; for a while somebody may act at it.
    sa.Column("station", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("acting_username", sa.Text),
    sa.Column("acting_name", sa.Text),
    sa.Column("acting_role", sa.Text),
    sa.Column("acting_until_ms", sa.BigInteger),
)

# How a person is known at a shared screen, and the second factor of the log-in.
credential = sa.Table(
    "credential",
    metadata,
    sa.Column("username", sa.Text, sa.ForeignKey("user.username"), primary_key=True),
    sa.Column("pin_hash", sa.Text),
    sa.Column("badge_hash", sa.LargeBinary, unique=True),
    sa.Column("totp_secret", sa.Text),
    sa.Column("totp_last", sa.BigInteger),
)

# Who took over from whom. Rows are added, never changed.
shift_change = sa.Table(
    "shift_change",
    metadata,
    numbered(),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

# What staff write about a patient. Rows are added, never changed.
note = sa.Table(
    "note",
    metadata,
    numbered(),
    sa.Column("patient", sa.Text, nullable=False, index=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

# Who entered a reading by hand, and from what: the value itself lies in the log like any other.
hand_entry = sa.Table(
    "hand_entry",
    metadata,
    sa.Column("reading", sa.LargeBinary, primary_key=True),
    sa.Column("patient", sa.Text, nullable=False, index=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
)

# Who did or looked at what, and when. Rows are added, never changed.
access_log = sa.Table(
    "access_log",
    metadata,
    numbered(),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("username", sa.Text, nullable=False, index=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("patient", sa.Text, index=True),
    sa.Column("detail", sa.Text),
)

# Who is at the organisation's own log-in now. The state stands here as a hash; each is used once.
login_attempt = sa.Table(
    "login_attempt",
    metadata,
    sa.Column("state_hash", sa.LargeBinary, primary_key=True),
    sa.Column("nonce", sa.Text, nullable=False),
    sa.Column("verifier", sa.Text, nullable=False),
    sa.Column("to", sa.Text, nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
)

# What a patient does by themselves, by zone. Rows are added, never changed; the newest holds.
self_plan = sa.Table(
    "self_plan",
    metadata,
    numbered(),
    sa.Column("patient", sa.Text, nullable=False, index=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("green", sa.Text, nullable=False),
    sa.Column("yellow", sa.Text, nullable=False),
    sa.Column("red", sa.Text, nullable=False),
)
