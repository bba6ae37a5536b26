"""A box of the tests: real envelopes, with clocks that the test sets."""

import os
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from koffert_cli.simulation.box import Outbox, Queued
from koffert_wire import sealing
from koffert_wire.messages import Instant, Message, Reading
from koffert_wire.topics import Lane

__all__ = ["NOON_NS", "SECOND_NS", "Box", "Queued"]

SECOND_NS = 1_000_000_000
# 1 June 2026 12:00 UTC: the hub's wall clock in these tests unless they say otherwise.
NOON_NS = 1_780_315_200 * SECOND_NS


class Box(Outbox):
    """One box with one outbox; `wall_ns` and `boottime_ns` are its clocks, set by the test."""

    def __init__(self, device: str, hub_key: X25519PublicKey, loan: str | None = None) -> None:
        self.wall_ns = NOON_NS
        self.boottime_ns = 3_600 * SECOND_NS
        self.trusted = True
        link_key = sealing.mac(b"link", b"", device.encode())
        super().__init__(device, loan, link_key, hub_key, self._read_clocks)

    def reboot(self, wall_ns: int) -> None:
        """A new boot, whose wall clock starts at `wall_ns`."""
        self.boot = os.urandom(16)
        self.boottime_ns = 20 * SECOND_NS
        self.wall_ns = wall_ns

    def wait(self, seconds: float) -> None:
        """Both clocks run on."""
        self.wall_ns += round(seconds * SECOND_NS)
        self.boottime_ns += round(seconds * SECOND_NS)

    def reading(
        self, spo2_pct: float | None = 93.0, *, quality: float = 1.0, flags: tuple[str, ...] = ()
    ) -> Reading:
        """A reading taken now."""
        values = {"spo2_pct": spo2_pct, "pulse_bpm": 71.0 if spo2_pct else None}
        return self.take(values, quality=quality, flags=flags)

    def queue(
        self,
        messages: Iterable[Message] | None = None,
        lane: Lane = Lane.VITALS,
        **header: object,
    ) -> Queued:
        """Seal a transmission (one reading unless told); `header` overrides fields of it."""
        return self.seal([self.reading()] if messages is None else messages, lane, **header)

    def _read_clocks(self) -> Instant:
        return Instant(self.boottime_ns, self.wall_ns, self.trusted)
