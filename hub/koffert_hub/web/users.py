"""Local accounts, as an administrator changes them; in the caller's transaction."""

import sqlalchemy as sa
from argon2 import PasswordHasher

from koffert_hub import tables
from koffert_hub.registry import Role, User
from koffert_hub.web import credentials


class NoSuchUser(Exception):
    """There is no account of this name."""


def users(connection: sa.Connection) -> list[User]:
    """Everyone who may log in, by name."""
    table = tables.user
    rows = connection.execute(
        sa.select(table.c.username, table.c.role, table.c.display_name, table.c.unit).order_by(
            table.c.display_name, table.c.username
        )
    )
    return [User(row.username, Role(row.role), row.display_name, row.unit) for row in rows]


def unit_of(connection: sa.Connection, username: str) -> str | None:
    """The receiving unit that an account works at."""
    table = tables.user
    return connection.execute(
        sa.select(table.c.unit).where(table.c.username == username)
    ).scalar_one_or_none()


def units_staffed(connection: sa.Connection) -> frozenset[str]:
    """The receiving units where somebody can log in."""
    table = tables.user
    rows = connection.execute(sa.select(table.c.unit).where(table.c.role == Role.RECEIVER))
    return frozenset(unit for unit in rows.scalars() if unit is not None)


def change_role(
    connection: sa.Connection, username: str, role: Role, unit: str | None = None
) -> None:
    """Give an account another role, a receiver a unit; raises NoSuchUser."""
    _change(connection, username, role=role, unit=unit)


def change_password(connection: sa.Connection, username: str, password: str) -> None:
    """Give an account another password; raises NoSuchUser."""
    _change(connection, username, password_hash=PasswordHasher().hash(password))


def remove(connection: sa.Connection, username: str) -> None:
    """Take the access away; what the person did stays on record. Raises NoSuchUser."""
    credentials.forget(connection, username)
    gone = connection.execute(tables.user.delete().where(tables.user.c.username == username))
    if gone.rowcount != 1:
        raise NoSuchUser(username)


def _change(connection: sa.Connection, username: str, **values: object) -> None:
    table = tables.user
    changed = connection.execute(
        table.update().where(table.c.username == username).values(**values)
    )
    if changed.rowcount != 1:
        raise NoSuchUser(username)
