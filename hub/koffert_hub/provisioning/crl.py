"""The revocation list on disk, and how the broker comes to read it.

A list past its end locks out every box (measured with mosquitto 2.0.11), so it is renewed long before.
A server that adds a new list to the one it holds goes by the later date of issue, to the second (OpenSSL's
rule): so no two lists say the same second.
"""

import fcntl
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from cryptography import x509

from koffert_hub.authority import Revoked
from koffert_hub.database import reading
from koffert_hub.provisioning.pki import Pki
from koffert_hub.provisioning.tables import device_certificate
from koffert_hub.times import from_ms, to_ms
from koffert_wire.private_files import replace_private

# Long enough for any outage of the hub; the broker that enforces the list stands beside it.
LIFETIME = timedelta(days=30)
RENEW_AFTER = timedelta(days=1)
# Room to issue a list for each second of an hour without dating one into the future.
_BACKDATED = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
_BROKER_PROGRAM = "mosquitto"


def publish(engine: sa.Engine, pki: Pki, now: datetime, *, also: Iterable[Revoked] = ()) -> None:
    """Write the list as the database has it, with `also` on top; call it after the commit.

    Reading and writing happen under one lock, so that of two processes the later one never takes back
    what the other has just published.
    """
    with _lock(pki.folder / "crl.lock"):
        with reading(engine) as connection:
            revoked = revoked_certificates(connection, now)
        write_list(pki, [*revoked, *also], now)


def write_list(pki: Pki, revoked: Iterable[Revoked], now: datetime) -> None:
    """Replace the list; it says that it was issued later than the one before."""
    number, issued = 1, now.replace(microsecond=0) - _BACKDATED
    before = _read(pki.crl)
    if before is not None:
        number = _number(before) + 1
        issued = max(issued, before.last_update_utc + _SECOND)
    pem = pki.authority().revocation_list(
        revoked, number=number, issued=issued, expires=now + LIFETIME
    )
    replace_private(pki.crl, pem)


def is_due(pki: Pki, now: datetime) -> bool:
    """Whether the list should be renewed although nothing was revoked."""
    before = _read(pki.crl)
    if before is None or before.next_update_utc is None:
        return True
    return before.next_update_utc - now < LIFETIME - RENEW_AFTER


def revoked_certificates(connection: sa.Connection, now: datetime) -> list[Revoked]:
    """The certificates that would still be valid, had they not been revoked."""
    table = device_certificate
    rows = connection.execute(
        sa.select(table.c.serial, table.c.revoked_ms).where(
            table.c.revoked_ms.is_not(None), table.c.expires_ms > to_ms(now)
        )
    )
    return [Revoked(int(row.serial, 16), from_ms(row.revoked_ms)) for row in rows]


def tell_broker(pid_file: Path) -> bool:
    """Let the broker read its list and certificates anew; False when it is not running.

    A start reads them anyway.
    """
    try:
        pid = int(pid_file.read_text())
        # The file may outlive the broker, and its number may be another program's by now.
        if Path(f"/proc/{pid}/comm").read_text().strip() != _BROKER_PROGRAM:
            return False
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> x509.CertificateRevocationList | None:
    try:
        return x509.load_pem_x509_crl(path.read_bytes())
    except FileNotFoundError:
        return None


def _number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
