"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step on."""
    _access_log()
    _body()
    _centre()
    _cursor()
    _hub_epoch()
    _lane_progress()
    _log_state()
    _quarantine()
    _signed_head()
    _technical_alert()
    _transmission()
    _transmission_log()
    _web_session()
    _box()
    _device()
    _patient()
    _user()
    _device_certificate()
    _enrolment_token()
    _loan()
    _person()
    _checklist()


def _access_log() -> None:
    op.create_table(
        "access_log",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_access_log"),
    )
    op.create_index("ix_access_log_patient", "access_log", ["patient"], unique=False)
    op.create_index("ix_access_log_username", "access_log", ["username"], unique=False)


def _body() -> None:
    op.create_table(
        "body",
        sa.Column(
            "log_sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.Column("loan", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("messages", sa.LargeBinary(), nullable=False),
        sa.Column("time_basis", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log_sequence", name="pk_body"),
    )
    op.create_index("ix_body_patient", "body", ["patient"], unique=False)


def _centre() -> None:
    op.create_table(
        "centre",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_centre"),
    )


def _cursor() -> None:
    op.create_table(
        "cursor",
        sa.Column("projection", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("projection", name="pk_cursor"),
    )


def _hub_epoch() -> None:
    op.create_table(
        "hub_epoch",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("from_sequence", sa.BigInteger(), nullable=False),
        sa.Column("complete_to", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_hub_epoch"),
        sa.UniqueConstraint("id", name="uq_hub_epoch_id"),
    )


def _lane_progress() -> None:
    op.create_table(
        "lane_progress",
        sa.Column("outbox", sa.LargeBinary(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.Column("latest_measured_ms", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("outbox", "lane", name="pk_lane_progress"),
    )
    op.create_index("ix_lane_progress_device", "lane_progress", ["device"], unique=False)


def _log_state() -> None:
    op.create_table(
        "log_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_state"),
    )


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("log_sequence", sa.BigInteger(), nullable=False),
        sa.Column("requeued_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
        sa.UniqueConstraint("device", "digest", name="uq_quarantine_device_digest"),
    )
    op.create_index("ix_quarantine_device", "quarantine", ["device"], unique=False)


def _signed_head() -> None:
    op.create_table(
        "signed_head",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", "key_id", name="pk_signed_head"),
    )


def _technical_alert() -> None:
    op.create_table(
        "technical_alert",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_technical_alert"),
    )
    op.create_index(
        "uq_technical_alert_open",
        "technical_alert",
        ["device", "cause"],
        unique=True,
        sqlite_where=sa.text("closed_ms IS NULL"),
        postgresql_where=sa.text("closed_ms IS NULL"),
    )


def _transmission() -> None:
    op.create_table(
        "transmission",
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("log_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device", "id", name="pk_transmission"),
        sqlite_with_rowid=False,
    )


def _transmission_log() -> None:
    op.create_table(
        "transmission_log",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_transmission_log"),
    )
    op.create_index("ix_transmission_log_at_ms", "transmission_log", ["at_ms"], unique=False)
    op.create_index(
        "ix_transmission_log_device", "transmission_log", ["device", "sequence"], unique=False
    )


def _web_session() -> None:
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_web_session"),
    )
    op.create_index("ix_web_session_username", "web_session", ["username"], unique=False)


def _box() -> None:
    op.create_table(
        "box",
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("centre", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["centre"], ["centre.id"], name="fk_box_centre"),
        sa.PrimaryKeyConstraint("device", name="pk_box"),
    )
    op.create_index("ix_box_centre", "box", ["centre"], unique=False)


def _device() -> None:
    op.create_table(
        "device",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("centre", sa.Text(), nullable=False),
        sa.Column("link_key", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["centre"], ["centre.id"], name="fk_device_centre"),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
    )
    op.create_index("ix_device_centre", "device", ["centre"], unique=False)


def _patient() -> None:
    op.create_table(
        "patient",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("centre", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("erased_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["centre"], ["centre.id"], name="fk_patient_centre"),
        sa.PrimaryKeyConstraint("key", name="pk_patient"),
    )
    op.create_index("ix_patient_centre", "patient", ["centre"], unique=False)


def _user() -> None:
    op.create_table(
        "user",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("centre", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["centre"], ["centre.id"], name="fk_user_centre"),
        sa.PrimaryKeyConstraint("username", name="pk_user"),
    )
    op.create_index("ix_user_centre", "user", ["centre"], unique=False)


def _device_certificate() -> None:
    op.create_table(
        "device_certificate",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["device"], ["box.device"], name="fk_device_certificate_device"),
        sa.PrimaryKeyConstraint("serial", name="pk_device_certificate"),
    )
    op.create_index(
        ("ix_device_certificate_device"), "device_certificate", ["device"], unique=False
    )


def _enrolment_token() -> None:
    op.create_table(
        "enrolment_token",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("redeemed_ms", sa.BigInteger(), nullable=True),
        sa.Column("key_digest", sa.LargeBinary(), nullable=True),
        sa.Column("certificates", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["device"], ["box.device"], name="fk_enrolment_token_device"),
        sa.PrimaryKeyConstraint("digest", name="pk_enrolment_token"),
    )
    op.create_index("ix_enrolment_token_device", "enrolment_token", ["device"], unique=False)


def _loan() -> None:
    op.create_table(
        "loan",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("centre", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["centre"], ["centre.id"], name="fk_loan_centre"),
        sa.ForeignKeyConstraint(["device"], ["device.id"], name="fk_loan_device"),
        sa.ForeignKeyConstraint(["patient"], ["patient.key"], name="fk_loan_patient"),
        sa.PrimaryKeyConstraint("id", name="pk_loan"),
    )
    op.create_index("ix_loan_centre", "loan", ["centre"], unique=False)
    op.create_index("ix_loan_device", "loan", ["device"], unique=False)
    op.create_index("ix_loan_patient", "loan", ["patient"], unique=False)


def _person() -> None:
    op.create_table(
        "person",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["patient.key"], name="fk_person_patient"),
        sa.PrimaryKeyConstraint("patient", name="pk_person"),
    )


def _checklist() -> None:
    op.create_table(
        "checklist",
        sa.Column("loan", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["loan"], ["loan.id"], name="fk_checklist_loan"),
        sa.PrimaryKeyConstraint("loan", "item", name="pk_checklist"),
    )
