"""Which picture a link bears: steps from 64 kbit/s upwards, sound first. Pure."""

from msgspec import Struct


class Rung(Struct, frozen=True):
    """One step: a picture and the video bits that it needs to be worth looking at."""

    width: int
    height: int
    rate_hz: int
    needs_bps: int


# On 64 kbit/s the sound takes 37 and leaves some 20. 640x480 at 15 looks right from about 250 kbit/s (VP8, measured).
RUNGS = (
    Rung(160, 120, 5, 12_000),
    Rung(320, 240, 8, 60_000),
    Rung(320, 240, 15, 120_000),
    Rung(640, 480, 15, 250_000),
)
# Every change of size makes a key frame: a rung is left downwards quickly, upwards only for good.
DOWN_AFTER_S = 1.0
UP_AFTER_S = 6.0
# What the next rung needs must be there with this to spare, or the ladder swings.
_SPARE = 1.2
# The share of packets lost from which a smaller picture is better than a broken one.
_LOSS_DOWN = 0.12
# The rung on which a call starts: what the start bit rate bears.
_FIRST = 2


class Ladder:
    """Climbs and falls by what the far end reports; asked each second or so."""

    def __init__(self) -> None:
        self._index = _FIRST
        self._since_s: float | None = None
        self._wanted = _FIRST

    @property
    def rung(self) -> Rung:
        """The step to send on now."""
        return RUNGS[self._index]

    def report(self, bitrate_bps: int, loss: float, now_s: float) -> Rung:
        """Take in what the link bears for video and its share of loss; returns the step from now on."""
        wanted = self._best(bitrate_bps, loss)
        if wanted == self._index:
            self._since_s = None
            return self.rung
        if self._since_s is None or (wanted > self._index) != (self._wanted > self._index):
            self._since_s = now_s
        self._wanted = wanted
        down = wanted < self._index
        if now_s - self._since_s >= (DOWN_AFTER_S if down else UP_AFTER_S):
            self._index += -1 if down else 1
            # Two rungs down at once only when the link is much worse, so that it does not clog meanwhile.
            self._index = wanted if down else self._index
            self._since_s = None
        return self.rung

    def _best(self, bitrate_bps: int, loss: float) -> int:
        borne = [
            index
            for index, rung in enumerate(RUNGS)
            if rung.needs_bps * (1.0 if index <= self._index else _SPARE) <= bitrate_bps
        ]
        best = max(borne, default=0)
        return min(best, max(self._index - 1, 0)) if loss > _LOSS_DOWN else best
