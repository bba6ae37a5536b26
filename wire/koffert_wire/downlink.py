"""What the hub sends to a box: `msgpack [version, kind, device, id, issued_ns, body, mac]`."""

from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from koffert_wire import sealing
from koffert_wire.envelope import MAX_PAYLOAD_BYTES, WIRE_VERSION, Uuid
from koffert_wire.errors import DECODE_ERRORS, Reason, UnreadablePayload, UntrustedPayload
from koffert_wire.topics import DownKind

_MAC_DOMAIN = b"koffert-v1-down"

LogHead = Annotated[bytes, Meta(min_length=32, max_length=32)]


class Receipt(Struct, frozen=True, array_like=True):
    """What the hub has committed: these ids may be released, those must be kept and sent later.

    `log_sequence` and `log_head` are the hub's log when it wrote this: evidence that the box can keep.
    `drain_bytes_s` is how fast the box may send what is no longer live, until it is told otherwise; None
    is as fast as its link bears.
    """

    hub_epoch: Uuid
    log_sequence: int
    log_head: LogHead
    stored: tuple[bytes, ...] = ()
    retry_later: tuple[tuple[bytes, Reason], ...] = ()
    drain_bytes_s: Annotated[int, Meta(gt=0)] | None = None


class HubState(Struct, frozen=True, array_like=True):
    """The retained message on `koffert/v1/hub/state`: a hub is (again) here, send what you hold.

    `log_sequence` is the last record that the log held when this epoch began: boxes that knew another
    epoch send again what was receipted after it.
    """

    hub_epoch: Uuid
    started_ns: int
    log_sequence: int = 0


class Down(NamedTuple):
    """An authenticated message from the hub."""

    kind: DownKind
    id: bytes
    issued_ns: int
    body: bytes


_T = TypeVar("_T")

_ENCODER = msgspec.msgpack.Encoder()
_FIELDS = tuple[int, DownKind, str, Uuid, int, bytes, bytes]
_DOWN = msgspec.msgpack.Decoder(_FIELDS)
_RECEIPT = msgspec.msgpack.Decoder(Receipt)
_HUB_STATE = msgspec.msgpack.Decoder(HubState)


def encode_down(down: Down, device: str, link_key: bytes) -> bytes:
    """The bytes to publish to `device`."""
    fields = (WIRE_VERSION, down.kind, device, down.id, down.issued_ns, down.body)
    tag = sealing.mac(link_key, _MAC_DOMAIN, _ENCODER.encode(fields))
    return _ENCODER.encode((*fields, tag))


def decode_down(data: bytes, device: str, link_key: bytes) -> Down:
    """A message of the hub for `device`; raises UnreadablePayload or UntrustedPayload."""
    if len(data) > MAX_PAYLOAD_BYTES:
        raise UnreadablePayload(Reason.OVERSIZE, f"{len(data)} bytes, at most {MAX_PAYLOAD_BYTES}")
    try:
        *fields, tag = _DOWN.decode(data)
    except DECODE_ERRORS as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
    version, kind, addressed_to, message_id, issued_ns, body = fields
    if version != WIRE_VERSION:
        raise UnreadablePayload(Reason.UNSUPPORTED_VERSION, f"version {version}")
    sealing.check_mac(link_key, _MAC_DOMAIN, _ENCODER.encode(tuple(fields)), tag)
    if addressed_to != device:
        raise UntrustedPayload(Reason.FOREIGN_DEVICE, "addressed to another device")
    return Down(kind, message_id, issued_ns, body)


def encode_receipt(receipt: Receipt) -> bytes:
    """The body of a `receipt` message."""
    return _ENCODER.encode(receipt)


def decode_receipt(body: bytes) -> Receipt:
    """The receipt in an authenticated message's body; raises UnreadablePayload."""
    return _decode(_RECEIPT, body)


def encode_hub_state(state: HubState) -> bytes:
    """The retained bytes."""
    return _ENCODER.encode(state)


def decode_hub_state(data: bytes) -> HubState:
    """The retained hub state; raises UnreadablePayload."""
    return _decode(_HUB_STATE, data)


def _decode(decoder: "msgspec.msgpack.Decoder[_T]", data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except DECODE_ERRORS as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
