"""What the hub tells a box to be or to do: the body of a `command` message, which carries the hub's MAC.

A box confirms a `DesiredState` with `StateApplied`; a certificate, by connecting with it. Nothing here is
kept by the broker: what was not confirmed is said again.
"""

import msgspec
from msgspec import Struct

from koffert_wire.errors import DECODE_ERRORS, Reason, UnreadablePayload


class DesiredState(Struct, frozen=True, array_like=True, tag="desired-state"):
    """What the box should be. `revision` only grows: an older word than the last one changes nothing.

    `loan` is None while the box is not lent, `ends_ms` is when it falls silent by itself, `locked` means
    that it was reported lost.
    """

    revision: int
    loan: str | None
    ends_ms: int | None = None
    locked: bool = False


class NewCertificate(Struct, frozen=True, array_like=True, tag="certificate"):
    """The answer to a `CertificateRequest`: the box's certificate and those that lead to the root."""

    certificates_pem: bytes


Command = DesiredState | NewCertificate

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Command)


def encode_command(command: Command) -> bytes:
    """The body of a `command` message."""
    return _ENCODER.encode(command)


def decode_command(body: bytes) -> Command:
    """The command in an authenticated message's body; raises UnreadablePayload."""
    try:
        command: Command = _DECODER.decode(body)
    except DECODE_ERRORS as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
    return command
