"""A new log key, announced in the log itself and signed by the old one. Pure.

Whoever trusts the first key comes to trust each later one by walking the log; from its announcement on the old
key's word counts no more, so a key that was stolen after it was put away proves nothing.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from koffert_hub.log_record import Event, LogRecord, log_key_id

CONTENT = "log-key"
_DOMAIN = b"koffert-v1-log-key"


class Announcement(Struct, frozen=True):
    """What a record says of a new key: which key says so, and with what signature."""

    old_id: bytes
    new: Ed25519PublicKey
    signature: bytes

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether it is `key` that announces."""
        if log_key_id(key) != self.old_id:
            return False
        try:
            key.verify(self.signature, _signed_bytes(self.old_id, self.new))
        except InvalidSignature:
            return False
        return True


def announce(old: Ed25519PrivateKey, new: Ed25519PublicKey) -> str:
    """The `detail` of the record that announces `new`."""
    old_id = log_key_id(old.public_key())
    signature = old.sign(_signed_bytes(old_id, new))
    return ":".join(part.hex() for part in (old_id, new.public_bytes_raw(), signature))


def announcement(record: LogRecord) -> Announcement | None:
    """What a record announces; None for every other record, and for one that cannot be read."""
    if record.event is not Event.KEY or record.content != CONTENT:
        return None
    try:
        parts = [bytes.fromhex(part) for part in (record.detail or "").split(":")]
        old_id, new, signature = parts
        return Announcement(old_id, Ed25519PublicKey.from_public_bytes(new), signature)
    except ValueError:
        return None


def _signed_bytes(old_id: bytes, new: Ed25519PublicKey) -> bytes:
    return _DOMAIN + old_id + new.public_bytes_raw()
