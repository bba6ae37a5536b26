"""The second factor of local accounts: a code from a telephone, each good once; in the caller's transaction."""

from datetime import UTC, datetime

import pyotp
import segno
import sqlalchemy as sa

from koffert_hub.web.credentials import write
from koffert_hub.web.tables import credential

# One step of half a minute either way: telephones are a little off, and people type slowly.
_WINDOW = 1
_ISSUER = "Koffert"


def new_secret() -> str:
    """A secret to be shown once, and kept after the first code of it fits."""
    return pyotp.random_base32()


def picture(secret: str, username: str) -> str:
    """The QR that a telephone reads, as SVG."""
    address = pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=_ISSUER)
    return segno.make_qr(address).svg_inline(scale=5, light="#fff")


def keep(connection: sa.Connection, username: str, secret: str, code: str, now_ms: int) -> bool:
    """Ask for codes of this secret from now on, if the first one fits."""
    step = _step(secret, code, now_ms)
    if step is None:
        return False
    write(connection, username, totp_secret=secret, totp_last=step)
    return True


def drop(connection: sa.Connection, username: str) -> None:
    """Ask for no code any more."""
    write(connection, username, totp_secret=None, totp_last=None)


def fits(connection: sa.Connection, username: str, code: str, now_ms: int) -> bool:
    """Whether the code is the person's and new; true for who has none."""
    table = credential
    row = connection.execute(
        sa.select(table.c.totp_secret, table.c.totp_last).where(table.c.username == username)
    ).first()
    if row is None or row.totp_secret is None:
        return True
    step = _step(row.totp_secret, code, now_ms)
    if step is None or step <= (row.totp_last or 0):
        return False
    write(connection, username, totp_last=step)
    return True


def _step(secret: str, code: str, now_ms: int) -> int | None:
    """The half minute that a code belongs to; None when it is wrong."""
    try:
        totp = pyotp.TOTP(secret)
        now = totp.timecode(datetime.fromtimestamp(now_ms / 1000, UTC))
        return next(
            (
                step
                for step in range(now - _WINDOW, now + _WINDOW + 1)
                if pyotp.utils.strings_equal(totp.generate_otp(step), code.strip())
            ),
            None,
        )
    except ValueError:  # not a secret of ours
        return None
