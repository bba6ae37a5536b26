"""A box as the hub meets it: real envelopes of one outbox, without a device agent behind them."""

import itertools
import os
from collections.abc import Callable, Iterable

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


class Outbox:
    """Seals and numbers what a box sends; `now` reads the box's clocks."""

    def __init__(
        self,
        device: str,
        loan: str | None,
        link_key: bytes,
        hub_key: X25519PublicKey,
        now: Callable[[], Instant],
    ) -> None:
        self.device = device
        self.loan = loan
        self.link_key = link_key
        self.hub_key = hub_key
        self.now = now
        self.boot = os.urandom(16)
        self.new_outbox()

    def new_outbox(self) -> None:
        """As after the outbox file was made anew."""
        self.outbox = os.urandom(16)
        self._sequences = {lane: itertools.count() for lane in Lane}

    def take(
        self,
        values: dict[str, float | None],
        *,
        quality: float = 1.0,
        flags: tuple[str, ...] = (),
    ) -> Reading:
        """A reading of a continuous oximeter, taken now."""
        return Reading(
            id=self.identifier(),
            at=self.now(),
            sensor="nonin-serial",
            sensor_serial=None,
            mode=Mode.CONTINUOUS,
            values=values,
            quality=quality,
            flags=flags,
        )

    def seal(
        self, messages: Iterable[Message], lane: Lane = Lane.VITALS, **header: object
    ) -> "Queued":
        """Queue a transmission; `header` overrides fields of it."""
        bodies = list(messages)
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
        """A new id by the box's wall clock."""
        return uuid7(self.now().wall_ns, os.urandom(10))


class Queued:
    """A queued transmission; each `payload` is one sending of it."""

    def __init__(self, box: Outbox, header: Header, sealed: Sealed) -> None:
        self.box, self.header, self.sealed = box, header, sealed
        self.id = header.id
        self.topic = up(box.device, header.lane)

    def payload(
        self, *, lowest_queued: dict[Lane, int] | None = None, link_key: bytes | None = None
    ) -> bytes:
        """What is published now, stamped anew."""
        stamp = SendStamp(self.box.boot, self.box.now(), lowest_queued or {})
        return stamp_payload(self.sealed, stamp, link_key or self.box.link_key)
