"""The tables of provisioning. Times are `..._ms` since 1970 in UTC; a device is known by its id."""

import sqlalchemy as sa

from koffert_hub.tables import metadata, numbered, of_patient

# Every box that was ever announced, enrolled or not.
box = sa.Table(
    "box",
    metadata,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("centre", sa.Text, sa.ForeignKey("centre.id"), nullable=False, index=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("added_ms", sa.BigInteger, nullable=False),
)

# `certificates` and `key_digest` are what the first redemption led to: the same key gets the same answer.
enrolment_token = sa.Table(
    "enrolment_token",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("device", sa.Text, sa.ForeignKey("box.device"), nullable=False, index=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
    sa.Column("redeemed_ms", sa.BigInteger),
    sa.Column("key_digest", sa.LargeBinary),
    sa.Column("certificates", sa.LargeBinary),
)

# Every certificate that the issuing authority gave to a box. `serial` is hexadecimal: it has 160 bits.
device_certificate = sa.Table(
    "device_certificate",
    metadata,
    sa.Column("serial", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, sa.ForeignKey("box.device"), nullable=False, index=True),
    sa.Column("key_digest", sa.LargeBinary, nullable=False),
    sa.Column("issued_ms", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
    sa.Column("revoked_ms", sa.BigInteger),
)

# What must be done with a box between two patients; one row for each item that has been done.
checklist = sa.Table(
    "checklist",
    metadata,
    sa.Column("loan", sa.Text, sa.ForeignKey("loan.id"), primary_key=True),
    sa.Column("item", sa.Text, primary_key=True),
    sa.Column("done_ms", sa.BigInteger, nullable=False),
    sa.Column("detail", sa.Text),
)

# What the hub wants a box to be, and how far the box has followed; `revision` grows with each change.
desired_state = sa.Table(
    "desired_state",
    metadata,
    sa.Column("device", sa.Text, sa.ForeignKey("box.device"), primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("loan", sa.Text),
    sa.Column("ends_ms", sa.BigInteger),
    sa.Column("locked", sa.Boolean, nullable=False),
    sa.Column("changed_ms", sa.BigInteger, nullable=False),
    sa.Column("applied_revision", sa.BigInteger, nullable=False),
    sa.Column("applied_ms", sa.BigInteger),
    # What the box goes by, as msgpack, and what it was made of: the doctor's settings and the agreement for home.
    sa.Column("settings", sa.LargeBinary),
    sa.Column("setting", sa.BigInteger),
    sa.Column("home", sa.BigInteger),
    sa.Column("answered_call", sa.LargeBinary),
    # The patient's own plan, and the oldest message that is not read, as msgpack.
    sa.Column("plan", sa.LargeBinary),
    # The planned visits to come, as msgpack.
    sa.Column("visits", sa.LargeBinary),
    sa.Column("message", sa.LargeBinary),
)

# When a patient measures at home, and in which language (`koffert_hub.at_home`). Rows are added, never changed; the
# newest holds.
at_home = sa.Table(
    "at_home",
    metadata,
    numbered(),
    of_patient(),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("language", sa.Text),
    sa.Column("schedule", sa.Text, nullable=False),
)

# What nurses have written to patients' screens; `read_ms` is when the patient pressed that it is read.
nurse_message = sa.Table(
    "nurse_message",
    metadata,
    sa.Column("id", sa.LargeBinary, primary_key=True),
    sa.Column("loan", sa.Text, sa.ForeignKey("loan.id"), nullable=False, index=True),
    sa.Column("patient", sa.Text, nullable=False, index=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("read_ms", sa.BigInteger),
)
