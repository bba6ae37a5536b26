"""How a person is known beside the password: PIN and badge at shared screens; in the caller's transaction.

Neither lets anyone in from elsewhere: both count only at a screen that a member of staff has opened.
"""

import hashlib
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.registry import Role, User
from koffert_hub.web.permissions import Permission, may
from koffert_hub.web.tables import credential

PIN_DIGITS = range(4, 9)
# Readers send the number printed on the card; fewer signs would be guessed.
BADGE_SIGNS = range(6, 65)


class NotUsable(Exception):
    """Too short, too long, or in use by somebody else; tell the person, change nothing."""


class Known(Struct, frozen=True):
    """What a person can be known by."""

    pin: bool = False
    badge: bool = False
    totp: bool = False


def set_pin(connection: sa.Connection, username: str, pin: str) -> None:
    """Give a person a PIN; raises NotUsable."""
    if len(pin) not in PIN_DIGITS or not (pin.isascii() and pin.isdigit()):
        raise NotUsable
    write(connection, username, pin_hash=PasswordHasher().hash(pin))


def set_badge(connection: sa.Connection, username: str, badge: str) -> None:
    """Give a person a badge; raises NotUsable, also when somebody has it."""
    if len(badge) not in BADGE_SIGNS:
        raise NotUsable
    holder = connection.execute(
        sa.select(credential.c.username).where(credential.c.badge_hash == _digest(badge))
    ).scalar_one_or_none()
    if holder not in (None, username):
        raise NotUsable
    write(connection, username, badge_hash=_digest(badge))


def known(connection: sa.Connection, username: str) -> Known:
    """What this person can be known by."""
    row = connection.execute(sa.select(credential).where(credential.c.username == username)).first()
    if row is None:
        return Known()
    return Known(row.pin_hash is not None, row.badge_hash is not None, row.totp_secret is not None)


def by_badge(connection: sa.Connection, badge: str) -> User | None:
    """Whose badge this is."""
    row = connection.execute(_USERS.where(credential.c.badge_hash == _digest(badge))).first()
    return None if row is None else _user(row)


def by_pin(connection: sa.Connection, username: str, pin: str) -> User | None:
    """The person, if this is the PIN; an unknown name takes as long as a known one."""
    row = connection.execute(_USERS.where(credential.c.username == username)).first()
    hasher = PasswordHasher()
    if row is None or row.pin_hash is None:
        hasher.hash(pin)
        return None
    try:
        hasher.verify(row.pin_hash, pin)
    except VerificationError:
        return None
    return _user(row)


def with_pin(connection: sa.Connection) -> list[User]:
    """Who can be chosen at a shared screen of the ward, by name."""
    rows = connection.execute(
        _USERS.where(credential.c.pin_hash.is_not(None)).order_by(tables.user.c.display_name)
    )
    return [user for user in map(_user, rows) if may(user.role, Permission.SEE_WARD)]


def forget(connection: sa.Connection, username: str) -> None:
    """Forget everything that a person was known by."""
    connection.execute(credential.delete().where(credential.c.username == username))


def write(connection: sa.Connection, username: str, **values: object) -> None:
    """Change one person's row, made when it is missing."""
    changed = connection.execute(
        credential.update().where(credential.c.username == username).values(**values)
    )
    if changed.rowcount == 0:
        connection.execute(credential.insert().values(username=username, **values))


_USERS = sa.select(
    tables.user.c.username,
    tables.user.c.role,
    tables.user.c.display_name,
    credential.c.pin_hash,
).join(credential, credential.c.username == tables.user.c.username)


def _user(row: Any) -> User:
    return User(row.username, Role(row.role), row.display_name)


def _digest(badge: str) -> bytes:
    return hashlib.sha256(b"koffert badge " + badge.encode()).digest()
