"""A box as the hub meets it: real envelopes, without a device agent behind them."""

import itertools
import os
from collections.abc import Iterable

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from koffert_wire import sealing
from koffert_wire.envelope import (
    Header,
    Sealed,
    SendStamp,
    pack_body,
    seal_transmission,
    stamp_payload,
)
from koffert_wire.identifiers import uuid7
from koffert_wire.messages import Instant, Message, Mode, Reading
from koffert_wire.topics import Lane, up

SECOND_NS = 1_000_000_000
# 1 June 2026 12:00 UTC: the hub's wall clock in these tests unless they say otherwise.
NOON_NS = 1_780_315_200 * SECOND_NS


class Box:
    """One box with one outbox; `wall_ns` and `boottime_ns` are its clocks, set by the test."""

    def __init__(self, device: str, hub_key: X25519PublicKey, loan: str | None = None) -> None:
        self.device = device
        self.loan = loan
        self.link_key = sealing.mac(b"link", b"", device.encode())
        self.hub_key = hub_key
        self.new_outbox()
        self.boot = os.urandom(16)
        self.wall_ns = NOON_NS
        self.boottime_ns = 3_600 * SECOND_NS
        self.trusted = True

    def new_outbox(self) -> None:
        """As after the outbox file was made anew."""
        self.outbox = os.urandom(16)
        self._sequences = {lane: itertools.count() for lane in Lane}

    def reboot(self, wall_ns: int) -> None:
        """A new boot, whose wall clock starts at `wall_ns`."""
        self.boot = os.urandom(16)
        self.boottime_ns = 20 * SECOND_NS
        self.wall_ns = wall_ns

    def wait(self, seconds: float) -> None:
        """Both clocks run on."""
        self.wall_ns += round(seconds * SECOND_NS)
        self.boottime_ns += round(seconds * SECOND_NS)

    def now(self) -> Instant:
        return Instant(self.boottime_ns, self.wall_ns, self.trusted)

    def reading(
        self, spo2_pct: float | None = 93.0, *, quality: float = 1.0, flags: tuple[str, ...] = ()
    ) -> Reading:
        return Reading(
            id=self.identifier(),
            at=self.now(),
            sensor="nonin-serial",
            sensor_serial=None,
            mode=Mode.CONTINUOUS,
            values={"spo2_pct": spo2_pct, "pulse_bpm": 71.0 if spo2_pct else None},
            quality=quality,
            flags=flags,
        )

    def queue(
        self,
        messages: Iterable[Message] | None = None,
        lane: Lane = Lane.VITALS,
        **header: object,
    ) -> "Queued":
        """Seal a transmission (one reading unless told); `header` overrides fields of it."""
        bodies: list[Message] = [self.reading()] if messages is None else list(messages)
        codec, packed = pack_body(bodies)
        made = Header(
            id=self.identifier(),
            device=self.device,
            loan=self.loan,
            outbox=self.outbox,
            lane=lane,
            sequence=next(self._sequences[lane]),
            boot=self.boot,
            created=self.now(),
            kind="vitals",
            count=len(bodies),
            codec=codec,
            part=0,
            parts=1,
            sealing_key=sealing.key_id(self.hub_key),
        )
        made = msgspec.structs.replace(made, **header)
        return Queued(self, made, seal_transmission(made, packed, self.hub_key))

    def identifier(self) -> bytes:
        return uuid7(self.wall_ns, os.urandom(10))


class Queued:
    """A queued transmission; each `payload` is one sending of it."""

    def __init__(self, box: Box, header: Header, sealed: Sealed) -> None:
        self.box, self.header, self.sealed = box, header, sealed
        self.id = header.id
        self.topic = up(box.device, header.lane)

    def payload(
        self, *, lowest_queued: dict[Lane, int] | None = None, link_key: bytes | None = None
    ) -> bytes:
        stamp = SendStamp(self.box.boot, self.box.now(), lowest_queued or {})
        return stamp_payload(self.sealed, stamp, link_key or self.box.link_key)
