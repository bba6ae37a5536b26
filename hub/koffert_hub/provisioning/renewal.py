"""New certificates for boxes that are known, in the caller's transaction."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from koffert_hub import registry
from koffert_hub.authority import Authority, RequestError, requested_key
from koffert_hub.log_record import Event, Result
from koffert_hub.provisioning.certificates import issue, serial_text
from koffert_hub.provisioning.journal import note
from koffert_hub.provisioning.tables import device_certificate
from koffert_hub.provisioning.tokens import is_announced
from koffert_hub.registry import DeviceState
from koffert_hub.times import to_ms
from koffert_wire.enrolment import Refusal

# A box that lay in a cupboard for longer is looked at by a person, who makes a new code.
GRACE = timedelta(days=30)
# A box asks once an hour until it has its answer; more than this is a box gone wrong.
MAX_PER_DAY = 48
_DAY = timedelta(days=1)


def renew_linked(
    connection: sa.Connection, authority: Authority, device: str, csr: bytes, now: datetime
) -> bytes | None:
    """A certificate for a box that asked over its link; None when it may have none (now)."""
    registered = registry.devices(connection, [device]).get(device)
    if registered is None or registered.state is DeviceState.REVOKED:
        return None
    if not is_announced(connection, device):
        return None  # its certificates come from elsewhere
    try:
        key = requested_key(csr)
    except RequestError:
        return None
    if _count_since(connection, device, now - _DAY) >= MAX_PER_DAY:
        return None
    return _renew(connection, authority, device, key, now)


def renew_expired(
    connection: sa.Connection,
    authority: Authority,
    old: x509.Certificate,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> bytes | Refusal:
    """A certificate for the holder of `old`, which is ours; refused when revoked or long past its end."""
    table = device_certificate
    row = connection.execute(
        sa.select(table.c.device, table.c.revoked_ms).where(
            table.c.serial == serial_text(old.serial_number)
        )
    ).first()
    if row is None:
        return Refusal.BAD_REQUEST
    registered = registry.devices(connection, [row.device]).get(row.device)
    if row.revoked_ms is not None or registered is None:
        return Refusal.REVOKED
    if registered.state is DeviceState.REVOKED:
        return Refusal.REVOKED
    if now > old.not_valid_after_utc + GRACE:
        return Refusal.EXPIRED_LONG_AGO
    return _renew(connection, authority, row.device, key, now)


def _renew(
    connection: sa.Connection,
    authority: Authority,
    device: str,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> bytes:
    certificates = issue(connection, authority, device, key, now)
    note(connection, Event.KEY, Result.DONE, device=device, detail="renewed", now=now)
    return certificates


def _count_since(connection: sa.Connection, device: str, since: datetime) -> int:
    """How many certificates a box was given since then."""
    table = device_certificate
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(table)
        .where(table.c.device == device, table.c.issued_ms > to_ms(since))
    ).scalar_one()
