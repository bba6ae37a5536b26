"""Guests of one visit: a link that is good once, for one person, while the visit lasts. Pure."""

import hashlib
import secrets
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

# Long enough to send it to somebody on the telephone and for them to find a browser.
UNUSED_FOR_S = 15 * 60.0
_TOKEN_BYTES = 18


class GuestKind(StrEnum):
    """Who is invited; this is on record, the person's name is not."""

    INTERPRETER = "interpreter"
    NEXT_OF_KIN = "next-of-kin"
    GENERAL_PRACTITIONER = "general-practitioner"
    HOME_NURSE = "home-nurse"
    SPECIALIST = "specialist"
    AMK = "amk"


class Guest(Struct, frozen=True):
    """Someone who sees and hears and gets no readings; `name` is what the patient is told."""

    call: bytes
    kind: GuestKind
    name: str
    invited_by: str


class BadInvitation(Exception):
    """The link was used, is too old, or never was one."""


class GuestBook:
    """Holds what tokens were handed out, as hashes. A token that was used is replaced by one to come back with."""

    def __init__(self, new_token: Callable[[], str] | None = None) -> None:
        self._new_token = new_token or (lambda: secrets.token_urlsafe(_TOKEN_BYTES))
        self._open: dict[bytes, tuple[Guest, float | None]] = {}

    def invite(self, guest: Guest, now_s: float) -> str:
        """The token of a new invitation."""
        return self._hand_out(guest, now_s + UNUSED_FOR_S)

    def who(self, token: str, now_s: float) -> Guest:
        """Whose token it is; raises BadInvitation."""
        guest, until_s = self._open.get(_digest(token), (None, None))
        if guest is None or (until_s is not None and now_s > until_s):
            raise BadInvitation
        return guest

    def use(self, token: str) -> str:
        """The token is worth nothing any more; returns the one to come back with after a break."""
        guest, _ = self._open.pop(_digest(token))
        return self._hand_out(guest, None)

    def close(self, call: bytes) -> None:
        """The visit is over: none of its links is good any more."""
        self._open = {key: entry for key, entry in self._open.items() if entry[0].call != call}

    def _hand_out(self, guest: Guest, until_s: float | None) -> str:
        token = self._new_token()
        self._open[_digest(token)] = (guest, until_s)
        return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
