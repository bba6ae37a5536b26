"""The blow while it is blown: a bar that must reach a line, and at the end the same numbers as ever."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum

from msgspec import Struct

from koffert_signal.errors import InvalidInput, UnusableSignal
from koffert_signal.spirometry.curve import from_flow, from_volume
from koffert_signal.spirometry.grading import LONGEST_FET_S, PLATEAU_L
from koffert_signal.spirometry.indices import Blow, measure
from koffert_signal.spirometry.limits import BREATH_L
from koffert_signal.spirometry.states import Phase

# Nobody blows that long; a recording that goes on is a device left lying, and memory stays bounded.
LONGEST_RECORDING_S = 120.0
MOST_SAMPLES = 240_000  # that long at 2 kHz, more than any spirometer sends
# Flow over this time tells blowing from handling: a blow passes 0.5 L/s in its first 30 ms.
TRIGGER_WINDOW_S, TRIGGER_L_S = 0.05, 0.5
PLATEAU_OVER_S = 1.0


class SampleKind(Enum):
    """What a spirometer's stream holds."""

    VOLUME = "volume"
    FLOW = "flow"


class LiveState(Struct, frozen=True, kw_only=True):
    """What the screen shows: volume in L and flow in L/s now, time since the blow began in s.

    `share_of_line` is the bar: exhaled volume over the line's volume, at most 1; None without a line.
    The values are for the eye; what counts is measured from the whole curve.
    """

    phase: Phase
    volume_l: float
    flow_l_s: float
    elapsed_s: float
    share_of_line: float | None


class LiveBlow:
    """Follows one blow sample by sample; `finish` measures the whole as if it had come at once.

    `line_l` is the volume to reach: the best FVC so far, or the predicted one at the first try.
    """

    def __init__(self, kind: SampleKind, *, line_l: float | None = None) -> None:
        if line_l is not None and not line_l > 0:
            raise InvalidInput(f"a line at {line_l:g} L cannot be reached")
        self._kind = kind
        self._line_l = line_l
        self._times_s: list[float] = []
        self._values: list[float] = []
        self._recent: deque[tuple[float, float]] = deque()  # (time, volume) of the last second
        self._volume_l = 0.0
        self._lowest_l = 0.0
        self._highest_l = 0.0
        self._began_s: float | None = None
        self._phase = Phase.WAITING

    def feed(self, time_s: Sequence[float], values: Sequence[float]) -> LiveState:
        """Take the samples that came (L or L/s BTPS) and return what to show now.

        Raises InvalidInput where times and values do not pair, UnusableSignal for a recording without end.
        """
        if len(time_s) != len(values):
            raise InvalidInput(f"{len(time_s)} times for {len(values)} samples")
        for at_s, value in zip(time_s, values, strict=True):
            self._take(at_s, value)
        return self._state()

    def finish(self) -> Blow:
        """Measure all that was fed; errors as `measure`."""
        make = from_volume if self._kind is SampleKind.VOLUME else from_flow
        return measure(make(self._times_s, self._values))

    def _take(self, at_s: float, value: float) -> None:
        if self._times_s and (
            at_s - self._times_s[0] > LONGEST_RECORDING_S or len(self._times_s) >= MOST_SAMPLES
        ):
            raise UnusableSignal(f"no blow ended within {LONGEST_RECORDING_S:g} s")
        self._follow(at_s, value)
        self._times_s.append(at_s)
        self._values.append(value)

    def _follow(self, at_s: float, value: float) -> None:
        if self._kind is SampleKind.VOLUME:
            self._volume_l = value
        elif self._times_s:
            self._volume_l += (value + self._values[-1]) / 2 * (at_s - self._times_s[-1])
        if not self._times_s:
            self._lowest_l = self._highest_l = self._volume_l
        self._recent.append((at_s, self._volume_l))
        while at_s - self._recent[0][0] > PLATEAU_OVER_S:
            self._recent.popleft()
        self._phase = self._next_phase(at_s)

    def _next_phase(self, at_s: float) -> Phase:
        if self._began_s is None:
            self._lowest_l = min(self._lowest_l, self._volume_l)
            self._highest_l = self._volume_l
            if self._flow_l_s() < TRIGGER_L_S:
                return Phase.WAITING
            self._began_s = at_s
        self._highest_l = max(self._highest_l, self._volume_l)
        if self._phase is Phase.BREATHED_IN or self._highest_l - self._volume_l > BREATH_L:
            return Phase.BREATHED_IN
        return Phase.MAY_STOP if self._is_enough(at_s - self._began_s) else Phase.BLOWING

    def _is_enough(self, elapsed_s: float) -> bool:
        if elapsed_s >= LONGEST_FET_S:
            return True
        return elapsed_s > PLATEAU_OVER_S and self._volume_l - self._recent[0][1] <= PLATEAU_L

    def _flow_l_s(self) -> float:
        """Return the mean flow over the last 50 ms."""
        now_s, now_l = self._recent[-1]
        for at_s, volume_l in reversed(self._recent):
            if now_s - at_s >= TRIGGER_WINDOW_S:
                return (now_l - volume_l) / (now_s - at_s)
        return 0.0

    def _state(self) -> LiveState:
        out_l = 0.0 if self._began_s is None else self._highest_l - self._lowest_l
        elapsed_s = 0.0 if self._began_s is None else self._times_s[-1] - self._began_s
        return LiveState(
            phase=self._phase,
            volume_l=out_l,
            flow_l_s=self._flow_l_s() if self._recent else 0.0,
            elapsed_s=elapsed_s,
            share_of_line=None if self._line_l is None else min(out_l / self._line_l, 1.0),
        )
