"""The payload of one transmission: version, header, sealed body, send stamp, MAC.

    payload = msgpack [version, header, body, stamp, mac]         header, body, stamp, mac: bytes

The header is fixed when the transmission is queued and is what the body is sealed together with. The
stamp is new at each send. The MAC covers version, header, body and stamp under the device's link key.
Design: `docs/reference/wire.md`.
"""

import threading
from enum import StrEnum
from typing import Annotated, NamedTuple

import msgspec
import zstandard
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from msgspec import Meta, Struct

from koffert_wire import sealing
from koffert_wire.errors import DECODE_ERRORS, Reason, UnreadableBody, UnreadablePayload
from koffert_wire.identifiers import UUID_BYTES
from koffert_wire.messages import Instant, Message, decode_messages, encode_messages
from koffert_wire.topics import Lane

WIRE_VERSION = 1
# The broker's max_packet_size less room for topic and properties; bulk parts are 4 kB.
MAX_PAYLOAD_BYTES = 256 * 1024
# A body is at most one payload of zstd; more than this after unpacking is a bomb, not a reading.
MAX_BODY_BYTES = 4 * 1024 * 1024
# Below this zstd adds more than it saves on our messages (a single reading is about 90 B).
COMPRESS_FROM_BYTES = 160

_MAC_DOMAIN = b"koffert-v1-up"

Uuid = Annotated[bytes, Meta(min_length=UUID_BYTES, max_length=UUID_BYTES)]
Count = Annotated[int, Meta(ge=1)]
Sequence = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class BodyCodec(StrEnum):
    """How the messages were packed before they were sealed."""

    PLAIN = "plain"
    ZSTD = "zstd"


class Header(Struct, frozen=True, array_like=True):
    """What is known of a transmission without opening it; immutable once queued."""

    id: Uuid
    device: str
    loan: str | None
    outbox: Uuid
    lane: Lane
    sequence: Sequence
    boot: Uuid
    created: Instant
    kind: str
    count: Count
    codec: BodyCodec
    part: Annotated[int, Meta(ge=0)]
    parts: Count
    sealing_key: bytes


class SendStamp(Struct, frozen=True, array_like=True):
    """When this copy was sent, and per lane the lowest sequence that the box still holds.

    What is missing at or above `lowest_queued` is on its way; what is missing below it is lost unless
    a `Dropped` message names it.
    """

    boot: Uuid
    sent: Instant
    lowest_queued: dict[Lane, int]


class Sealed(NamedTuple):
    """A transmission ready to be queued: the bytes that never change again."""

    header: bytes
    body: bytes


class Payload(NamedTuple):
    """A received payload, parsed but not yet trusted."""

    header: Header
    stamp: SendStamp
    header_bytes: bytes
    body: bytes
    authenticated: bytes
    mac: bytes


_ENCODER = msgspec.msgpack.Encoder()
_PAYLOAD = msgspec.msgpack.Decoder(tuple[int, bytes, bytes, bytes, bytes])
_VERSION = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw, msgspec.Raw, msgspec.Raw, msgspec.Raw])
_HEADER = msgspec.msgpack.Decoder(Header)
_STAMP = msgspec.msgpack.Decoder(SendStamp)


class _Unpacker(threading.local):
    """One context for each thread: making one costs forty times what unpacking a reading does."""

    def __init__(self) -> None:
        self.unpack = zstandard.ZstdDecompressor().decompress


_ZSTD = _Unpacker()


def pack_body(messages: list[Message]) -> tuple[BodyCodec, bytes]:
    """The messages as bytes, compressed where that makes them smaller."""
    plain = encode_messages(messages)
    if len(plain) < COMPRESS_FROM_BYTES:
        return BodyCodec.PLAIN, plain
    packed = zstandard.ZstdCompressor().compress(plain)
    return (BodyCodec.ZSTD, packed) if len(packed) < len(plain) else (BodyCodec.PLAIN, plain)


def seal_transmission(header: Header, packed: bytes, hub_key: X25519PublicKey) -> Sealed:
    """Seal a packed body (`pack_body`) under its header; `header.sealing_key` must name `hub_key`."""
    header_bytes = encode_header(header)
    return Sealed(header_bytes, sealing.seal(packed, hub_key, info=header_bytes))


def stamp_payload(sealed: Sealed, stamp: SendStamp, link_key: bytes) -> bytes:
    """The bytes to publish now; made anew at each send."""
    stamp_bytes = _ENCODER.encode(stamp)
    fields = (WIRE_VERSION, sealed.header, sealed.body, stamp_bytes)
    tag = sealing.mac(link_key, _MAC_DOMAIN, _ENCODER.encode(fields))
    return _ENCODER.encode((*fields, tag))


def parse_payload(data: bytes) -> Payload:
    """Parse a payload without trusting it; raises UnreadablePayload."""
    if len(data) > MAX_PAYLOAD_BYTES:
        raise UnreadablePayload(Reason.OVERSIZE, f"{len(data)} bytes, at most {MAX_PAYLOAD_BYTES}")
    try:
        version = _VERSION.decode(data)[0]
        if version != WIRE_VERSION:
            raise UnreadablePayload(Reason.UNSUPPORTED_VERSION, f"version {version}")
        _, header_bytes, body, stamp_bytes, tag = _PAYLOAD.decode(data)
        header, stamp = _HEADER.decode(header_bytes), _STAMP.decode(stamp_bytes)
    except DECODE_ERRORS as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
    authenticated = _ENCODER.encode((WIRE_VERSION, header_bytes, body, stamp_bytes))
    return Payload(header, stamp, header_bytes, body, authenticated, tag)


def encode_header(header: Header) -> bytes:
    """The bytes of a header."""
    return _ENCODER.encode(header)


def decode_header(header_bytes: bytes) -> Header:
    """The header of a transmission that was taken in before; raises UnreadablePayload."""
    try:
        return _HEADER.decode(header_bytes)
    except DECODE_ERRORS as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error


def authenticate(payload: Payload, link_key: bytes) -> None:
    """Raise UntrustedPayload unless the holder of `link_key` sent this payload."""
    sealing.check_mac(link_key, _MAC_DOMAIN, payload.authenticated, payload.mac)


def open_body(payload: Payload, keys: sealing.SealingKeys) -> list[Message]:
    """The messages of an authenticated payload; raises UntrustedPayload or UnreadableBody."""
    return read_messages(payload.header, open_messages(payload, keys))


def open_messages(payload: Payload, keys: sealing.SealingKeys) -> bytes:
    """The msgpack of an authenticated payload's messages, with fields that only a newer version knows.

    Raises UntrustedPayload or UnreadableBody.
    """
    header = payload.header
    packed = sealing.unseal(payload.body, header.sealing_key, keys, info=payload.header_bytes)
    return _decompress(header.codec, packed)


def read_messages(header: Header, opened: bytes) -> list[Message]:
    """The messages that `open_messages` gave; raises UnreadableBody."""
    messages = decode_messages(opened)
    if len(messages) != header.count:
        detail = f"{len(messages)} messages where the header says {header.count}"
        raise UnreadableBody(Reason.DAMAGED_BODY, detail)
    return messages


def _decompress(codec: BodyCodec, packed: bytes) -> bytes:
    if codec is BodyCodec.PLAIN:
        return packed
    try:
        declared = zstandard.frame_content_size(packed)
        if declared > MAX_BODY_BYTES:
            raise UnreadableBody(Reason.DAMAGED_BODY, f"unpacks to {declared} bytes")
        return _ZSTD.unpack(packed, max_output_size=MAX_BODY_BYTES)
    except zstandard.ZstdError as error:
        raise UnreadableBody(Reason.DAMAGED_BODY, str(error)) from error
