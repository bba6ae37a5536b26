"""The device's side of a protocol, as pure as the parsers: time goes in, bytes come out."""

from collections.abc import Callable
from math import inf
from typing import NamedTuple, Protocol

from koffert_drivers.simulated.physiology import Physiology


class Speaker(Protocol):
    """A device's voice; `frame` is called `rate_hz` times a second."""

    rate_hz: float

    def hear(self, data: bytes, now_s: float) -> bytes:
        """What the device answers to the host's `data`."""

    def frame(self, physiology: Physiology, now_s: float) -> bytes:
        """The device's next bytes; empty while it is silent."""


class Moment(NamedTuple):
    """Where a device is in its stream."""

    number: int  # of the frame, from 0
    phase: float  # of the pulse, in beats


class UnpromptedSpeaker(Speaker):
    """A device that speaks from the start and heeds nothing; `make` gives its bytes of one moment."""

    def __init__(self, rate_hz: float, make: Callable[[Physiology, Moment], bytes]) -> None:
        self.rate_hz = rate_hz
        self._make = make
        self._index = 0
        self._phase = 0.0

    def hear(self, data: bytes, now_s: float) -> bytes:  # noqa: ARG002
        """See Speaker."""
        return b""

    def frame(self, physiology: Physiology, now_s: float) -> bytes:  # noqa: ARG002
        """See Speaker."""
        moment = Moment(self._index, self._phase)
        self._index += 1
        self._phase += physiology.pulse_bpm / 60 / self.rate_hz
        return self._make(physiology, moment)


class PromptedSpeaker(UnpromptedSpeaker):
    """A device that is silent until it hears `prompt`; then it gives `frames` frames, or goes on for ever."""

    def __init__(
        self,
        rate_hz: float,
        make: Callable[[Physiology, Moment], bytes],
        *,
        prompt: bytes,
        frames: int | None = None,
    ) -> None:
        super().__init__(rate_hz, make)
        self._prompt = prompt
        self._frames = frames
        self._left: float = 0

    def hear(self, data: bytes, now_s: float) -> bytes:  # noqa: ARG002
        """See Speaker."""
        if self._prompt in data:
            self._left = inf if self._frames is None else self._frames
        return b""

    def frame(self, physiology: Physiology, now_s: float) -> bytes:
        """See Speaker."""
        if self._left <= 0:
            return b""
        self._left -= 1
        return super().frame(physiology, now_s)
