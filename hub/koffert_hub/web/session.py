"""Sessions kept at the server: the cookie is a random token that means nothing by itself."""

import hashlib
import hmac
import secrets
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub.database import reading
from koffert_hub.registry import Role, User
from koffert_hub.web.permissions import STATION, Permission, may
from koffert_hub.web.tables import web_session

# 256 random bits; guessing one is out of the question.
_TOKEN_BYTES = 32
_HOUR_MS = 3_600_000
# One shift with its hand-over; after that a person logs in again.
ABSOLUTE_LIMIT_MS = 12 * _HOUR_MS
# An open ward screen counts as use (`live_api`), so this ends only what nobody has on a screen.
IDLE_LIMIT_MS = 1 * _HOUR_MS
# How long one may act at a shared screen before it asks again: a note is written in that time, and a
# screen that was left shows the ward again soon.
ACTING_MS = 5 * 60_000
STATION_USER = "station"
# `seen_ms` is written at most this often: reading a page should not cost a disk sync.
_TOUCH_EVERY_MS = 60_000


class Session(Struct, frozen=True):
    """A person who has logged in, or a shared screen. `csrf` must come back with every form of theirs.

    `station` says that it is a shared screen; while somebody acts at it, `acting_until_ms` says until when.
    """

    token_hash: bytes
    csrf: str
    username: str
    display_name: str
    role: Role
    station: bool = False
    acting_until_ms: int | None = None

    def may(self, permission: Permission) -> bool:
        """Whether this may be done in this session."""
        if self.station and self.acting_until_ms is None:
            return permission in STATION
        if self.station and permission is Permission.IDENTIFY:
            return True
        return may(self.role, permission)


class Station(Struct, frozen=True):
    """A shared screen that is on; `id` is its token's hash, which opens nothing."""

    id: str
    name: str
    started_ms: int


class SessionStore:
    """Sessions in the hub's database; called from worker threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def start(self, user: User, now_ms: int) -> str:
        """Begin a session and return its token, which is stored nowhere."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(web_session).where(_expired(now_ms)))
            connection.execute(
                web_session.insert().values(
                    token_hash=_hash(token),
                    username=user.username,
                    display_name=user.display_name,
                    role=user.role,
                    started_ms=now_ms,
                    seen_ms=now_ms,
                )
            )
        return token

    def find(self, token: str, now_ms: int) -> Session | None:
        """The session of this token unless it has ended; finding it is using it."""
        token_hash = _hash(token)
        with reading(self._engine) as connection:
            row = connection.execute(
                sa.select(web_session).where(
                    web_session.c.token_hash == token_hash, sa.not_(_expired(now_ms))
                )
            ).first()
        if row is None:
            return None
        if now_ms - row.seen_ms >= _TOUCH_EVERY_MS:
            self._touch(token_hash, now_ms)
        return _session(row, _csrf(token), now_ms)

    def make_station(self, session: Session, name: str) -> None:
        """From now on this session is a shared screen of this name, and nobody's."""
        self._change(session.token_hash, station=True, username=STATION_USER, display_name=name)

    def act(self, session: Session, user: User, now_ms: int) -> None:
        """Let somebody act at a shared screen for a while."""
        self._change(
            session.token_hash,
            acting_username=user.username,
            acting_name=user.display_name,
            acting_role=user.role,
            acting_until_ms=now_ms + ACTING_MS,
        )

    def stop_acting(self, session: Session) -> None:
        """Nobody acts at the shared screen any more."""
        self._change(session.token_hash, acting_until_ms=None)

    def stations(self) -> list[Station]:
        """The shared screens that are on."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                sa.select(
                    web_session.c.token_hash, web_session.c.display_name, web_session.c.started_ms
                )
                .where(web_session.c.station)
                .order_by(web_session.c.started_ms)
            )
            return [Station(row.token_hash.hex(), row.display_name, row.started_ms) for row in rows]

    def end_station(self, identifier: str) -> bool:
        """Turn a shared screen off from afar; whether there was one."""
        with self._engine.begin() as connection:
            gone = connection.execute(
                sa.delete(web_session).where(
                    web_session.c.token_hash == bytes.fromhex(identifier), web_session.c.station
                )
            )
        return gone.rowcount == 1

    def end(self, token: str) -> None:
        """End one session; an unknown token is no error."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.delete(web_session).where(web_session.c.token_hash == _hash(token))
            )

    def end_all(self, username: str) -> None:
        """End every session of one person (password changed, role changed, left)."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(web_session).where(web_session.c.username == username))
            connection.execute(
                web_session.update()
                .where(web_session.c.acting_username == username)
                .values(acting_until_ms=None)
            )

    def _change(self, token_hash: bytes, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                web_session.update().where(web_session.c.token_hash == token_hash).values(**values)
            )

    def _touch(self, token_hash: bytes, now_ms: int) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(web_session)
                .where(web_session.c.token_hash == token_hash)
                .values(seen_ms=now_ms)
            )


def csrf_matches(session: Session, sent: str) -> bool:
    """Whether a form's token belongs to this session."""
    return hmac.compare_digest(session.csrf.encode(), sent.encode())


def _session(row: Any, csrf: str, now_ms: int) -> Session:
    acting = row.station and row.acting_until_ms is not None and now_ms < row.acting_until_ms
    if not acting:
        return Session(
            row.token_hash, csrf, row.username, row.display_name, Role(row.role), row.station
        )
    return Session(
        row.token_hash,
        csrf,
        row.acting_username,
        row.acting_name,
        Role(row.acting_role),
        station=True,
        acting_until_ms=row.acting_until_ms,
    )


def _expired(now_ms: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        sa.not_(web_session.c.station),
        sa.or_(
            web_session.c.started_ms <= now_ms - ABSOLUTE_LIMIT_MS,
            web_session.c.seen_ms <= now_ms - IDLE_LIMIT_MS,
        ),
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _csrf(token: str) -> str:
    # Derived, so that it needs no column and a page that leaks it does not leak the session.
    return hmac.new(token.encode(), b"koffert csrf", hashlib.sha256).hexdigest()
