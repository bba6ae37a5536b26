"""Call signalling: `down/call` and `up/call`. Never queued, worth nothing after 10 s.

Down, a message is the body of a `Down` of kind `call`, with the hub's MAC. Up, it has an envelope of its own:

    payload = msgpack [version, device, sequence, issued_ns, key_id, sealed, mac]

sealed to the hub together with everything before it, and with the box's MAC over all of it. Both ways
`issued_ns` is the hub's clock: a box may not know the time, so it goes on from the last word it has heard.
"""

from enum import StrEnum
from typing import Annotated, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from msgspec import Meta, Struct

from koffert_wire import sealing
from koffert_wire.envelope import WIRE_VERSION, Uuid
from koffert_wire.errors import DECODE_ERRORS, Reason, UnreadablePayload, UntrustedPayload

# The design's life of a signalling message: a longer wait would connect people who have hung up.
EXPIRES_NS = 10_000_000_000
# Two people and a guest: what one box encodes at once (docs/decisions/0072).
MOST_WATCHERS = 3
# An offer of Chromium is about 7 kB; what is much longer is no offer.
_MAX_SDP_CHARS = 32 * 1024
_MAX_CALL_BYTES = 64 * 1024
_MAC_DOMAIN = b"koffert-v1-up-call"

Sdp = Annotated[str, Meta(max_length=_MAX_SDP_CHARS)]
Words = Annotated[str, Meta(max_length=300)]
Small = Annotated[int, Meta(ge=0, le=2**31)]


class CallOutcome(StrEnum):
    """How a call ended."""

    HUNG_UP = "hung-up"
    DECLINED = "declined"
    NO_ANSWER = "no-answer"
    BOX_LOST = "box-lost"
    HUB_LOST = "hub-lost"
    NOBODY_LEFT = "nobody-left"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


class IceServer(Struct, frozen=True, array_like=True):
    """A TURN server of our own, with credentials for this call."""

    urls: tuple[str, ...]
    username: str
    credential: str


class Watcher(Struct, frozen=True, array_like=True):
    """Someone at the centre who sees and hears: the patient is told the name."""

    number: Small
    name: Words


class Ring(Struct, frozen=True, array_like=True, tag="ring"):
    """Someone wants to talk. Said again until the box rings; only a person at the box answers it."""

    call: Uuid
    caller: Words


class Present(Struct, frozen=True, array_like=True, tag="present"):
    """The call goes on, and these are in it. Said each second or two: a box that misses it tells."""

    call: Uuid
    watchers: tuple[Watcher, ...]


class Offer(Struct, frozen=True, array_like=True, tag="offer"):
    """A watcher's description of a new peer connection; a later `round` replaces an earlier one."""

    call: Uuid
    watcher: Small
    round: Small
    sdp: Sdp
    ice: tuple[IceServer, ...] = ()
    relay_only: bool = False


class Caption(Struct, frozen=True, array_like=True, tag="caption"):
    """Words that the nurse typed, for those who hear badly; empty takes them away."""

    call: Uuid
    text: Words


class Measure(Struct, frozen=True, array_like=True, tag="measure"):
    """The nurse asks for a measurement now, while they talk."""

    call: Uuid


class HangUp(Struct, frozen=True, array_like=True, tag="hang-up"):
    """The call is over."""

    call: Uuid
    outcome: CallOutcome


class Ringing(Struct, frozen=True, array_like=True, tag="ringing"):
    """The box rings."""

    call: Uuid


class Answered(Struct, frozen=True, array_like=True, tag="answered"):
    """The patient answered, with or without picture."""

    call: Uuid
    picture: bool


class Answer(Struct, frozen=True, array_like=True, tag="answer"):
    """The box's description for one offer; `relayed` says whether its TURN server gave it an address."""

    call: Uuid
    watcher: Small
    round: Small
    sdp: Sdp
    relayed: bool


class BoxPresent(Struct, frozen=True, array_like=True, tag="box-present"):
    """The box is in the call; what it has sent and received of media so far, in bytes.

    `picture` is the size and rate that the link bears now: width, height, frames a second; None is no picture.
    `camera` is whether one is open: one that was pulled out is told with each of these, as any may be lost.
    """

    call: Uuid
    sent_bytes: int
    received_bytes: int
    picture: tuple[int, int, int] | None = None
    camera: bool | None = None


class BoxHungUp(Struct, frozen=True, array_like=True, tag="box-hung-up"):
    """The call is over at the box."""

    call: Uuid
    outcome: CallOutcome


CallDown = Ring | Present | Offer | Caption | Measure | HangUp
CallUp = Ringing | Answered | Answer | BoxPresent | BoxHungUp


class UpCall(NamedTuple):
    """A received up message, parsed but not yet trusted."""

    device: str
    sequence: int
    issued_ns: int
    key_id: bytes
    sealed: bytes
    info: bytes
    authenticated: bytes
    mac: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DOWN = msgspec.msgpack.Decoder(CallDown)
_UP = msgspec.msgpack.Decoder(CallUp)
_ENVELOPE = msgspec.msgpack.Decoder(tuple[int, str, int, int, bytes, bytes, bytes])


def encode_call_down(message: CallDown) -> bytes:
    """The body of a `call` message."""
    return _ENCODER.encode(message)


def decode_call_down(body: bytes) -> CallDown:
    """The message in an authenticated body; raises UnreadablePayload."""
    try:
        message: CallDown = _DOWN.decode(body)
    except DECODE_ERRORS as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
    return message


def encode_call_up(
    message: CallUp,
    *,
    device: str,
    sequence: int,
    issued_ns: int,
    hub_key: X25519PublicKey,
    link_key: bytes,
) -> bytes:
    """The bytes to publish on `up/call`; `sequence` grows with each message of a box."""
    fields = (WIRE_VERSION, device, sequence, issued_ns, sealing.key_id(hub_key))
    sealed = sealing.seal(_ENCODER.encode(message), hub_key, info=_ENCODER.encode(fields))
    tag = sealing.mac(link_key, _MAC_DOMAIN, _ENCODER.encode((*fields, sealed)))
    return _ENCODER.encode((*fields, sealed, tag))


def parse_call_up(payload: bytes) -> UpCall:
    """Parse without trusting; raises UnreadablePayload."""
    if len(payload) > _MAX_CALL_BYTES:
        raise UnreadablePayload(Reason.OVERSIZE, f"{len(payload)} bytes")
    try:
        version, device, sequence, issued_ns, key_id, sealed, tag = _ENVELOPE.decode(payload)
    except DECODE_ERRORS as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
    if version != WIRE_VERSION:
        raise UnreadablePayload(Reason.UNSUPPORTED_VERSION, f"version {version}")
    fields = (version, device, sequence, issued_ns, key_id)
    info = _ENCODER.encode(fields)
    authenticated = _ENCODER.encode((*fields, sealed))
    return UpCall(device, sequence, issued_ns, key_id, sealed, info, authenticated, tag)


def open_call_up(
    parsed: UpCall, *, device: str, link_key: bytes, keys: sealing.SealingKeys
) -> CallUp:
    """The message, if `device` sent it; raises UntrustedPayload, UnreadableBody or UnreadablePayload."""
    sealing.check_mac(link_key, _MAC_DOMAIN, parsed.authenticated, parsed.mac)
    if parsed.device != device:
        raise UntrustedPayload(Reason.FOREIGN_DEVICE, "sent by another device")
    plain = sealing.unseal(parsed.sealed, parsed.key_id, keys, info=parsed.info)
    try:
        message: CallUp = _UP.decode(plain)
    except DECODE_ERRORS as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
    return message
