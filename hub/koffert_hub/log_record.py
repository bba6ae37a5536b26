"""The transmission log's record, its hash chain and its signed heads. Pure: bytes in, bytes out.

    h(0) = 32 zero bytes
    h(n) = SHA256(0x01 ‖ h(n-1) ‖ SHA256(0x00 ‖ record(n)))

The two prefix bytes keep a leaf from passing as a link (as in RFC 6962, 2.1). A record is JSON with its
keys in a fixed order and holds no clinical value; what was sent stands in it as a salted hash, which says
nothing once the salt is deleted.
"""

from enum import StrEnum
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

GENESIS_HEAD = bytes(32)
SALT_BYTES = 16
KEY_ID_BYTES = 8

_HEAD_DOMAIN = b"koffert-v1-log-head"


class Direction(StrEnum):
    """Who sent: the box, the hub, or nobody (something done at the hub)."""

    UP = "up"
    DOWN = "down"
    HUB = "hub"


class Event(StrEnum):
    """What a record tells of."""

    EPOCH = "epoch"
    TRANSMISSION = "transmission"
    REFUSAL = "refusal"
    REVOCATION = "revocation"
    CORRECTION = "correction"
    ERASURE = "erasure"
    REQUEUE = "requeue"
    KEY = "key"
    VISIT = "visit"
    RULES = "rules"
    SETTINGS = "settings"
    NOTICE = "notice"
    RECORD = "record"
    CONSENT = "consent"
    DISPATCH = "dispatch"
    RECEPTION = "reception"


class Result(StrEnum):
    """What the hub did with it."""

    STORED = "stored"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"
    REFUSED = "refused"
    SENT = "sent"
    DONE = "done"


class LogRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the register. Binary ids are lower-case hex; a field that does not apply is absent.

    `patient` is the pseudonymous key, `content` the kind of message, `count` how many of them (of an epoch after a
    restore: the last record whose body was in the backup), `bytes` the size as received,
    `detail` a reason code or a reference, never a person's words.
    """

    sequence: int
    epoch: str
    at_ms: int
    event: Event
    direction: Direction
    result: Result
    device: str | None = None
    patient: str | None = None
    loan: str | None = None
    transmission: str | None = None
    lane: str | None = None
    content: str | None = None
    count: int | None = None
    bytes: int | None = None
    payload_hash: str | None = None
    detail: str | None = None


class SignedHead(Struct, frozen=True):
    """The hub's word that its log up to `sequence` hashes to `head`."""

    sequence: int
    at_ms: int
    head: bytes
    key_id: bytes
    signature: bytes


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(LogRecord, strict=True)


class UnreadableRecord(Exception):
    """The bytes are not a log record: the log was damaged or tampered with."""


def encode_record(record: LogRecord) -> bytes:
    """The canonical bytes: the same record gives the same bytes for ever."""
    return _ENCODER.encode(record)


def decode_record(data: bytes) -> LogRecord:
    """The record; raises UnreadableRecord."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableRecord(str(error)) from error


def next_head(head: bytes, record: bytes) -> bytes:
    """The chain's head after `record`."""
    leaf = sha256(b"\x00" + record).digest()
    return sha256(b"\x01" + head + leaf).digest()


def payload_hash(salt: bytes, *parts: bytes) -> str:
    """The hash under which the log knows what was sent."""
    return sha256(salt + b"".join(parts)).hexdigest()


def log_key_id(public_key: Ed25519PublicKey) -> bytes:
    """The short name of a log key: the first 8 bytes of the hash of its raw form."""
    return sha256(public_key.public_bytes_raw()).digest()[:KEY_ID_BYTES]


def sign_head(sequence: int, head: bytes, at_ms: int, key: Ed25519PrivateKey) -> SignedHead:
    """Sign the head after record `sequence`."""
    signature = key.sign(_signed_bytes(sequence, at_ms, head))
    return SignedHead(sequence, at_ms, head, log_key_id(key.public_key()), signature)


def head_is_signed(signed: SignedHead, key: Ed25519PublicKey) -> bool:
    """Whether `key` made this signature."""
    if signed.key_id != log_key_id(key):
        return False
    try:
        key.verify(signed.signature, _signed_bytes(signed.sequence, signed.at_ms, signed.head))
    except InvalidSignature:
        return False
    return True


def _signed_bytes(sequence: int, at_ms: int, head: bytes) -> bytes:
    return _HEAD_DOMAIN + sequence.to_bytes(8) + at_ms.to_bytes(8) + head
