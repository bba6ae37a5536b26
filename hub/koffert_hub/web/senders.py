"""The machines that may drop stills, each with a key of its own."""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

# 24 signs of base64 are 144 random bits.
KEY_SIGNS = 24


class DropSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The machines that may drop stills: a name for the access log, and the file with its key."""

    senders: dict[Annotated[str, Meta(pattern="^[a-z0-9-]{1,40}$")], Path]


class UnfitKey(Exception):
    """A sender's key cannot be read, or is too short to be one."""


class Senders:
    """Who may drop; keys are kept as digests."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._digests = {name: _digest(key) for name, key in keys.items()}

    def know(self, name: str, key: bytes) -> bool:
        """Whether this is the sender's key; an unknown name takes as long as a known one."""
        known = self._digests.get(name, bytes(32))
        return hmac.compare_digest(known, _digest(key))


def load_senders(settings: DropSettings) -> Senders:
    """The senders with their keys; raises UnfitKey."""
    keys = {}
    for name, path in settings.senders.items():
        try:
            keys[name] = path.read_bytes().strip()
        except OSError as error:
            raise UnfitKey(f"{path}: {error.strerror}") from error
        if len(keys[name]) < KEY_SIGNS:
            raise UnfitKey(f"{path}: a key has at least {KEY_SIGNS} signs")
    return Senders(keys)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(b"koffert drop " + key).digest()
