"""The device's side of a protocol, as pure as the parsers: time goes in, bytes come out."""

from typing import Protocol

from koffert_drivers.simulated.physiology import Physiology


class Speaker(Protocol):
    """A device's voice; `frame` is called `rate_hz` times a second."""

    rate_hz: float

    def hear(self, data: bytes, now_s: float) -> bytes:
        """What the device answers to the host's `data`."""

    def frame(self, physiology: Physiology, now_s: float) -> bytes:
        """The device's next bytes; empty while it is silent."""
