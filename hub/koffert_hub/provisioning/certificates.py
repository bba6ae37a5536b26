"""The certificates of boxes as the hub keeps count of them, in the caller's transaction."""

from datetime import datetime

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from koffert_hub.authority import Authority, public_key_digest
from koffert_hub.provisioning.tables import device_certificate
from koffert_hub.times import to_ms


def issue(
    connection: sa.Connection,
    authority: Authority,
    device: str,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> bytes:
    """A certificate for a box's key, noted; returns it with its chain (PEM)."""
    certificate = authority.certify(device, key, now)
    connection.execute(
        device_certificate.insert().values(
            serial=serial_text(certificate.serial_number),
            device=device,
            key_digest=public_key_digest(key),
            issued_ms=to_ms(now),
            expires_ms=to_ms(certificate.not_valid_after_utc),
        )
    )
    return authority.with_chain(certificate)


def revoke_certificates(connection: sa.Connection, device: str, now: datetime) -> int:
    """All certificates of a box count no more; returns how many did until now."""
    table = device_certificate
    revoked = connection.execute(
        table.update()
        .where(table.c.device == device, table.c.revoked_ms.is_(None))
        .values(revoked_ms=to_ms(now))
    )
    return revoked.rowcount


def serial_text(serial: int) -> str:
    """A serial number as the tables hold it."""
    return f"{serial:x}"
