"""What a hub and the emergency centre's replica say to each other: JSON Lines over mutual TLS.

The replica subscribes after the last record that it holds; the hub sends rows, its signed heads and, each
second, where its log is; the replica answers each head that it could verify with its countersignature.
"""

import asyncio
import ssl
from typing import TypeVar

import msgspec
from msgspec import Struct

from koffert_hub.log_record import SignedHead
from koffert_hub.log_verify import LogRow
from koffert_wire.mqtt import TlsFiles

# The common name of the replica's certificate: a box's certificate opens the broker, never the register.
REPLICA_USER = "amk"
# Rows in one line: 200 of some 700 bytes (base64) stay far below the line limit.
ROWS_PER_LINE = 200
LINE_BYTES = 1024 * 1024
# How often the hub says where it is, also when nothing happens.
HEARTBEAT_S = 1.0


class Subscribe(Struct, frozen=True, tag="subscribe"):
    """The replica holds the log up to `after`."""

    after: int


class Countersigned(Struct, frozen=True, tag="countersigned"):
    """The replica has verified the log up to this head."""

    head: SignedHead


class Rows(Struct, frozen=True, tag="rows"):
    """The next rows of the log."""

    rows: list[LogRow]


class Signed(Struct, frozen=True, tag="signed"):
    """A head that the hub signed."""

    head: SignedHead


class Here(Struct, frozen=True, tag="here"):
    """The hub's log ends here now."""

    sequence: int
    head: bytes


FromHub = Rows | Signed | Here
FromReplica = Subscribe | Countersigned

_T = TypeVar("_T")
_ENCODER = msgspec.json.Encoder()
_FROM_HUB: msgspec.json.Decoder[FromHub] = msgspec.json.Decoder(FromHub)
_FROM_REPLICA: msgspec.json.Decoder[FromReplica] = msgspec.json.Decoder(FromReplica)


class RegisterLinkError(Exception):
    """The other side said something that is not this protocol, or went away; connect again."""


async def send(writer: asyncio.StreamWriter, message: FromHub | FromReplica) -> None:
    """Write one line and wait until the other side takes it."""
    writer.write(_ENCODER.encode(message) + b"\n")
    await writer.drain()


async def from_hub(reader: asyncio.StreamReader) -> FromHub:
    """The hub's next message; raises RegisterLinkError at the end."""
    return await _receive(reader, _FROM_HUB)


async def from_replica(reader: asyncio.StreamReader) -> FromReplica:
    """The replica's next message; raises RegisterLinkError at the end."""
    return await _receive(reader, _FROM_REPLICA)


def server_context(tls: TlsFiles) -> ssl.SSLContext:
    """Who connects must hold a certificate of our authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tls.certificate, tls.key)
    return context


def peer_name(writer: asyncio.StreamWriter) -> str | None:
    """The common name of the certificate that the other side showed."""
    certificate = writer.get_extra_info("peercert") or {}
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return None


async def _receive(reader: asyncio.StreamReader, decoder: "msgspec.json.Decoder[_T]") -> _T:
    try:
        line = await reader.readline()
        if not line.endswith(b"\n"):
            raise RegisterLinkError("the link ended")
        return decoder.decode(line)
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise RegisterLinkError(str(error)) from error
