"""The guided blow: follows the flow, tells what to do now, and grades what was blown. No clock: samples count time."""

import logging
from collections import deque

import numpy as np

from koffert_agent.clock import NS_PER_S
from koffert_agent.kiosk.effort import Effort, Tries
from koffert_agent.kiosk.records import Breath
from koffert_drivers.parsers.flow_lines import MISSING
from koffert_signal.errors import SignalError
from koffert_signal.spirometry.coaching import hint_for
from koffert_signal.spirometry.grading import Session
from koffert_signal.spirometry.indices import Blow
from koffert_signal.spirometry.live import LiveBlow, LiveState, SampleKind
from koffert_signal.spirometry.session import grade_blows
from koffert_signal.spirometry.states import Phase
from koffert_wire.messages import FORCED_VOLUME, Instant, Spirometry, WaveformBlock
from koffert_wire.samples import pack_samples

_LOG = logging.getLogger(__name__)

# The suitcase is lent to adults: the younger column of the grading ends with the sixth year.
_ADULT_Y = 18.0
# Quiet before a blow that is kept with it, and the blocks in which it is looked for.
_BEFORE_S, _BEFORE_BLOCKS = 0.5, 10
# A sensor that lies there is heard for so long, then only those blocks are kept.
_IDLE_S = 20.0
# The breath in is waited for, and then measured for a while; a patient who only stops has ended too.
_OVER = {Phase.MAY_STOP: 3.0, Phase.BREATHED_IN: 1.0}
# The standard asks for 15 s at most. A curve travels in one piece: 4 kB at 100 Hz.
_LONGEST_S, _LONGEST_CURVE_S = 16.0, 20.0
# What a first blow must reach, before anybody knows this patient's volume: most end within it.
_FIRST_BLOW_S, _NEARLY = 6.0, 0.95
# Knocked against, or wiped: what moves less air than this is no try of an adult.
_LEAST_FVC_L = 0.3


class Blowing:
    """One session of blows; `begin` before each of them."""

    def __init__(self) -> None:
        self.effort = Effort()
        self.tries = Tries()
        self._curves: list[WaveformBlock] = []
        self._blows: list[Blow] = []
        self._graded: Session | None = None
        self._recent: deque[Breath] = deque()
        self.begin()

    def begin(self) -> None:
        """Wait for the next blow."""
        best_l = max((blow.indices.fvc_l for blow in self._blows), default=None)
        self._live = LiveBlow(SampleKind.FLOW, line_l=best_l)
        self._samples = 0
        self._started: Instant | None = None
        self._over: tuple[Phase, float] | None = None
        self.effort = Effort()

    def hear(self, breath: Breath, new_id: bytes) -> bool:
        """Take a tenth of a second; whether a blow has ended with it, whose curve gets the id `new_id`."""
        self._recent.append(breath)
        while len(self._recent) > _BEFORE_BLOCKS:
            self._recent.popleft()
        if self.effort.phase is Phase.WAITING and self._samples > _IDLE_S * breath.rate_hz:
            self.begin()
            for before in self._recent:
                self._feed(before)
        else:
            self._feed(breath)
        return self._has_ended(self._samples / breath.rate_hz) and self._keep(breath, new_id)

    def session(self, identity: bytes, at: Instant) -> list[Spirometry | WaveformBlock]:
        """All that was blown, for the hub; nothing where nothing was."""
        graded = self._graded
        if graded is None:
            return []
        values = {
            "fev1_l": graded.fev1_l,
            "fvc_l": graded.fvc_l,
            "pef_l_s": graded.pef_l_s,
            "fef25_75_l_s": graded.fef25_75_l_s,
        }
        first = self._curves[0]
        session = Spirometry(
            id=identity,
            at=at,
            sensor=first.sensor,
            sensor_serial=first.sensor_serial,
            values=values,
            grade_fev1=graded.grade_fev1,
            grade_fvc=graded.grade_fvc,
            blows=len(self._blows),
            curves=tuple(curve.id for curve in self._curves),
        )
        return [session, *self._curves]

    def _feed(self, breath: Breath) -> None:
        if self._started is None:
            self._started = breath.at
        numbered = list(enumerate(breath.samples, start=self._samples))
        self._samples += len(breath.samples)
        there = [(number, sample) for number, sample in numbered if sample != MISSING]
        if there:
            times_s = [number / breath.rate_hz for number, _ in there]
            self._show(self._live.feed(times_s, [sample / 1000 for _, sample in there]))

    def _show(self, state: LiveState) -> None:
        share = state.share_of_line
        if state.phase in _OVER:
            share = 1.0
        elif share is None:
            share = min(state.elapsed_s / _FIRST_BLOW_S, _NEARLY)
        share = max(share, self.effort.share)
        self.effort = Effort(state.phase, state.elapsed_s, state.volume_l, share)

    def _has_ended(self, now_s: float) -> bool:
        phase = self.effort.phase
        if phase not in _OVER:
            self._over = None
        elif self._over is None or self._over[0] is not phase:
            self._over = phase, now_s
        too_long = self.effort.elapsed_s > _LONGEST_S
        return too_long or (self._over is not None and now_s - self._over[1] >= _OVER[phase])

    def _keep(self, breath: Breath, new_id: bytes) -> bool:
        """Measure and grade what was blown; False where it was no blow, and the next is waited for."""
        try:
            blow = self._live.finish()
        except SignalError as error:
            _LOG.info("no blow: %s", error)
            blow = None
        if blow is None or blow.indices.fvc_l < _LEAST_FVC_L:
            self.begin()
            return False
        self._blows.append(blow)
        self._curves.append(_curve(blow, breath, self._started or breath.at, new_id))
        graded = self._graded = grade_blows(self._blows, age_y=_ADULT_Y).session
        last = graded.judgements[-1]
        self.tries = Tries(
            blows=len(self._blows),
            good=sum(judgement.acceptable for judgement in graded.judgements),
            hint=hint_for(last.reasons, blow.indices.rise_time_s).key,
            advice=graded.advice,
            fev1_l=graded.fev1_l,
            grade=graded.grade_fev1,
        )
        return True


def _curve(blow: Blow, breath: Breath, started: Instant, identity: bytes) -> WaveformBlock:
    """The blow as volume out of the full breath in mL, from a little before it to the end of the breath in."""
    first_s = max(blow.indices.time_zero_s - _BEFORE_S, 0.0)
    end_s = min(float(blow.curve.time_s[-1]), first_s + _LONGEST_CURVE_S)
    times_s = np.arange(first_s, end_s, 1 / breath.rate_hz)
    volume_ml = (blow.curve.volume_at(times_s) - blow.level_l) * 1000
    codec, samples = pack_samples([round(volume) for volume in volume_ml.tolist()])
    later_ns = round(first_s * NS_PER_S)
    return WaveformBlock(
        id=identity,
        at=Instant(
            started.boottime_ns + later_ns, started.wall_ns + later_ns, started.wall_trusted
        ),
        sensor=breath.sensor,
        sensor_serial=breath.sensor_serial,
        waveform=FORCED_VOLUME,
        rate_hz=breath.rate_hz,
        count=len(times_s),
        codec=codec,
        samples=samples,
    )
