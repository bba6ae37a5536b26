"""One-time tokens: announced with a box, redeemed once for its certificate and its link key.

All of it runs in the caller's transaction, whose write lock (SQLite) or row lock (PostgreSQL) lets exactly
one of many parallel redemptions win.
"""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from koffert_hub import tables, technical_alerts
from koffert_hub.authority import Authority, public_key_digest
from koffert_hub.broker_config import HUB_USER
from koffert_hub.log_record import Event, Result
from koffert_hub.provisioning.certificates import issue, revoke_certificates
from koffert_hub.provisioning.desired_state import unlock
from koffert_hub.provisioning.journal import note
from koffert_hub.provisioning.tables import box, enrolment_token
from koffert_hub.registry import DeviceState, RegistryError
from koffert_hub.technical_alerts import Cause
from koffert_hub.times import to_ms
from koffert_wire.enrolment import Refusal, new_token, token_digest
from koffert_wire.identifiers import is_device_id
from koffert_wire.sealing import LINK_KEY_BYTES

# A working day and the evening: long enough for a box that has to be charged first.
TOKEN_LIFETIME = timedelta(hours=24)
MAX_TOKEN_LIFETIME = timedelta(days=30)


class Redeemed(NamedTuple):
    """What a token led to. `superseded`: certificates of an earlier life of this box were revoked."""

    device: str
    certificates_pem: bytes
    link_key: bytes
    superseded: bool


def announce(
    connection: sa.Connection, device: str, *, centre: str, label: str, now: datetime
) -> None:
    """Register a box that is still to be enrolled; raises RegistryError."""
    if not is_device_id(device) or device == HUB_USER:
        raise RegistryError(f"not a device id: {device!r} (a-z, 0-9 and -, at most 40)")
    if is_announced(connection, device):
        raise RegistryError(f"there is a box {device}")
    connection.execute(
        box.insert().values(device=device, centre=centre, label=label, added_ms=to_ms(now))
    )


def is_announced(connection: sa.Connection, device: str) -> bool:
    """Whether this hub knows a box of that name, enrolled or not."""
    known = connection.execute(sa.select(box.c.device).where(box.c.device == device))
    return known.first() is not None


def mint(
    connection: sa.Connection, device: str, *, now: datetime, lifetime: timedelta = TOKEN_LIFETIME
) -> str:
    """A token for an announced box; those that it had and did not use count no more."""
    if not timedelta(0) < lifetime <= MAX_TOKEN_LIFETIME:
        raise RegistryError(f"a token lives at most {MAX_TOKEN_LIFETIME.days} days")
    void_tokens(connection, device)
    token = new_token()
    connection.execute(
        enrolment_token.insert().values(
            digest=token_digest(token),
            device=device,
            created_ms=to_ms(now),
            expires_ms=to_ms(now + lifetime),
        )
    )
    return token


def void_tokens(connection: sa.Connection, device: str) -> None:
    """Forget the unused tokens of a box."""
    connection.execute(
        enrolment_token.delete().where(
            enrolment_token.c.device == device, enrolment_token.c.redeemed_ms.is_(None)
        )
    )


def redeem(
    connection: sa.Connection,
    authority: Authority,
    token: str,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> Redeemed | Refusal:
    """Certify `key`, whose holder the caller has checked. The same key again gets the same answer."""
    table = enrolment_token
    row = connection.execute(
        sa.select(table).where(table.c.digest == token_digest(token)).with_for_update()
    ).first()
    if row is None:
        return Refusal.UNKNOWN_TOKEN
    if row.redeemed_ms is not None:
        if row.key_digest != public_key_digest(key):
            return _refuse_other_key(connection, row.device, now)
        return _same_again(connection, row)
    if row.expires_ms <= to_ms(now):
        return Refusal.EXPIRED_TOKEN
    return _redeem(connection, authority, row, key, now)


def _redeem(
    connection: sa.Connection,
    authority: Authority,
    row: "sa.Row[tuple[object, ...]]",
    key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> Redeemed:
    device = row.device
    superseded = revoke_certificates(connection, device, now)
    _forget_answers(connection, device)
    link_key = secrets.token_bytes(LINK_KEY_BYTES)
    _register(connection, device, link_key, now)
    unlock(connection, device, now)
    certificates = issue(connection, authority, device, key, now)
    connection.execute(
        enrolment_token.update()
        .where(enrolment_token.c.digest == row.digest)
        .values(
            redeemed_ms=to_ms(now), key_digest=public_key_digest(key), certificates=certificates
        )
    )
    note(connection, Event.KEY, Result.DONE, device=device, detail="enrolled", now=now)
    return Redeemed(device, certificates, link_key, superseded=bool(superseded))


def _forget_answers(connection: sa.Connection, device: str) -> None:
    """An earlier card of this box must not be told the new link key."""
    connection.execute(
        enrolment_token.update()
        .where(enrolment_token.c.device == device, enrolment_token.c.redeemed_ms.is_not(None))
        .values(key_digest=b"", certificates=b"")
    )


def _same_again(connection: sa.Connection, row: "sa.Row[tuple[object, ...]]") -> Redeemed | Refusal:
    """The answer was lost on its way: give it once more, unless the box was revoked meanwhile."""
    table = tables.device
    device = connection.execute(
        sa.select(table.c.link_key, table.c.state).where(table.c.id == row.device)
    ).one()
    if device.state == DeviceState.REVOKED:
        return Refusal.REVOKED
    return Redeemed(row.device, row.certificates, device.link_key, superseded=False)


def _refuse_other_key(connection: sa.Connection, device: str, now: datetime) -> Refusal:
    """Somebody else has the token: it was stolen, or the card was cloned before it enrolled."""
    opened = technical_alerts.raise_alert(
        connection, device, Cause.TOKEN_REUSED, "with another key", now_ms=to_ms(now)
    )
    if opened:
        note(
            connection,
            Event.REFUSAL,
            Result.REFUSED,
            device=device,
            detail=Refusal.USED_TOKEN,
            now=now,
        )
    return Refusal.USED_TOKEN


def _register(connection: sa.Connection, device: str, link_key: bytes, now: datetime) -> None:
    """The box may send from now on: with a new link key when it had one."""
    table = tables.device
    changed = connection.execute(
        table.update()
        .where(table.c.id == device)
        .values(link_key=link_key, state=DeviceState.ACTIVE)
    )
    if changed.rowcount:
        return
    centre = connection.execute(sa.select(box.c.centre).where(box.c.device == device)).scalar_one()
    connection.execute(
        table.insert().values(
            id=device,
            centre=centre,
            link_key=link_key,
            state=DeviceState.ACTIVE,
            created_ms=to_ms(now),
        )
    )
