"""Sessions kept at the server: the cookie is a random token that means nothing by itself."""

import hashlib
import hmac
import secrets

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub.database import reading
from koffert_hub.registry import Role, User
from koffert_hub.web.tables import web_session

# 256 random bits; guessing one is out of the question.
_TOKEN_BYTES = 32
_HOUR_MS = 3_600_000
# One shift with its hand-over; after that a person logs in again.
ABSOLUTE_LIMIT_MS = 12 * _HOUR_MS
# An open ward screen counts as use (`live_api`), so this ends only what nobody has on a screen.
IDLE_LIMIT_MS = 1 * _HOUR_MS
# `seen_ms` is written at most this often: reading a page should not cost a disk sync.
_TOUCH_EVERY_MS = 60_000


class Session(Struct, frozen=True):
    """A person who has logged in. `csrf` must come back with every form of theirs."""

    token_hash: bytes
    csrf: str
    username: str
    display_name: str
    role: Role


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
        return Session(token_hash, _csrf(token), row.username, row.display_name, Role(row.role))

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


def _expired(now_ms: int) -> sa.ColumnElement[bool]:
    return sa.or_(
        web_session.c.started_ms <= now_ms - ABSOLUTE_LIMIT_MS,
        web_session.c.seen_ms <= now_ms - IDLE_LIMIT_MS,
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _csrf(token: str) -> str:
    # Derived, so that it needs no column and a page that leaks it does not leak the session.
    return hmac.new(token.encode(), b"koffert csrf", hashlib.sha256).hexdigest()
