"""Which picture a link bears: steps from 64 kbit/s upwards, sound first. Pure."""

from msgspec import Struct


class Rung(Struct, frozen=True):
    """One step: a picture, the bits that it needs to be worth looking at, and those past which nothing is gained."""

    width: int
    height: int
    rate_hz: int
    needs_bps: int
    most_bps: int = 800_000


# On 64 kbit/s the sound takes 37 and leaves some 20. 640x480 at 15 looks right from about 250 kbit/s (VP8, measured).
RUNGS = (
    Rung(160, 120, 5, 12_000),
    Rung(320, 240, 8, 60_000),
    Rung(320, 240, 15, 120_000),
    Rung(640, 480, 15, 250_000),
    Rung(1280, 720, 15, 900_000, 1_500_000),
)
# Every change of size makes a key frame: a rung is left downwards quickly, upwards only for good.
DOWN_AFTER_S = 1.0
UP_AFTER_S = 6.0
# What the next rung needs must be there with this to spare, or the ladder swings.
_SPARE = 1.2
# A stream that goes out already may be this much larger than the newest estimate, which follows what is sent.
_LEAST = 0.9
# The share of packets lost from which a smaller picture is better than a broken one.
_LOSS_DOWN = 0.12
# Fewer than this share of the pictures that there are: the processor does not follow. It is asked again after a while.
_BEHIND = 0.7
_BEHIND_FOR_S = 4.0
_SPARED_FOR_S = 60.0
# The rung on which a call starts: what the start bit rate bears.
_FIRST = 2


class Ladder:
    """Climbs and falls by what the far end reports; asked each second or so."""

    def __init__(self, width: int = RUNGS[-1].width) -> None:
        # What a camera gives is never made larger.
        self._rungs = tuple(rung for rung in RUNGS if rung.width <= width) or RUNGS[:1]
        self._index = min(_FIRST, len(self._rungs) - 1)
        self._behind_since_s: float | None = None
        self._spared_until_s = 0.0
        self._spared = len(self._rungs)
        self._since_s: float | None = None
        self._wanted = _FIRST

    @property
    def rung(self) -> Rung:
        """The step to send on now."""
        return self._rungs[self._index]

    @property
    def largest(self) -> Rung:
        """The step at the top."""
        return self._rungs[-1]

    def report(self, bitrate_bps: int, loss: float, now_s: float, kept_up: float = 1.0) -> Rung:
        """Take in what the link bears for video and its share of loss; returns the step from now on.

        `kept_up` is the share of the step's pictures that were made.
        """
        self._spare(kept_up, now_s)
        wanted = min(self._best(bitrate_bps, loss), self._spared)
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

    def _spare(self, kept_up: float, now_s: float) -> None:
        """Stay below a step that the processor does not follow, for a minute."""
        if now_s >= self._spared_until_s:
            self._spared = len(self._rungs)
        if kept_up >= _BEHIND:
            self._behind_since_s = None
        elif self._behind_since_s is None:
            self._behind_since_s = now_s
        elif now_s - self._behind_since_s >= _BEHIND_FOR_S:
            self._behind_since_s = None
            self._spared = max(self._index - 1, 0)
            self._spared_until_s = now_s + _SPARED_FOR_S

    def _best(self, bitrate_bps: int, loss: float) -> int:
        borne = [
            index
            for index, rung in enumerate(self._rungs)
            if rung.needs_bps * (1.0 if index <= self._index else _SPARE) <= bitrate_bps
        ]
        best = max(borne, default=0)
        return min(best, max(self._index - 1, 0)) if loss > _LOSS_DOWN else best


class Passage:
    """Whether a camera's own stream goes out as it is: only while the link bears all of it."""

    def __init__(self) -> None:
        self.is_open = False
        self._since_s: float | None = None

    def report(self, borne_bps: int, own_bps: int | None, loss: float, now_s: float) -> bool:
        """Take in what the link bears and what the camera sends, None when that cannot be passed on."""
        if own_bps is None:
            self.is_open, self._since_s = False, None
            return False
        fits = borne_bps >= own_bps * (_LEAST if self.is_open else _SPARE) and loss <= _LOSS_DOWN
        if fits == self.is_open:
            self._since_s = None
            return self.is_open
        self._since_s = now_s if self._since_s is None else self._since_s
        if now_s - self._since_s >= (UP_AFTER_S if fits else DOWN_AFTER_S):
            self.is_open, self._since_s = fits, None
        return self.is_open
