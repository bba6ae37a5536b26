"""What a session's curves amount to: each blow measured and judged, the same wherever it is asked. Pure.

The session's own values and grades are the box's; this is what stands behind them.
"""

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from koffert_signal.errors import SignalError, UnusableSignal
from koffert_signal.reference.gli import Comparison, Person, Reference, Values, compare
from koffert_signal.spirometry.coaching import WELL_DONE, Hint, hint_for
from koffert_signal.spirometry.curve import from_volume, smooth_flow
from koffert_signal.spirometry.faults import Fault
from koffert_signal.spirometry.grading import Judgement
from koffert_signal.spirometry.indices import Blow, Indices, measure
from koffert_signal.spirometry.session import grade_blows
from koffert_wire.messages import Spirometry, WaveformBlock
from koffert_wire.samples import unpack_samples

# A home monitor's patient is grown up: the rules for small children never apply.
_ADULT_AGE_Y = 40.0
_ML_PER_L = 1000.0
# What is drawn before time zero, and the flow's smoothing: a cough stays visible, millilitre steps do not.
_BEFORE_S, _SMOOTH_S = 0.5, 0.04
BEST_SHOWN = 3

Floats = npt.NDArray[np.float64]


class Trace(Struct, frozen=True):
    """A blow as it is drawn: seconds from time zero, litres out, litres a second."""

    time_s: tuple[float, ...]
    volume_l: tuple[float, ...]
    flow_l_s: tuple[float, ...]


class BlowView(Struct, frozen=True, kw_only=True):
    """One blow of the session by its number; `indices` is None for a curve that holds no whole blow."""

    number: int
    trace: Trace | None
    indices: Indices | None
    judgement: Judgement | None
    hint: Hint | None

    @property
    def reasons(self) -> tuple[Fault, ...]:
        """Why it does not count in full, worst first."""
        return self.judgement.reasons if self.judgement else ()

    @property
    def worth_l(self) -> float:
        """By which the best are chosen: the sum of FEV1 and FVC."""
        return self.indices.fev1_l + self.indices.fvc_l if self.indices else 0.0


def view_blows(session: Spirometry, blocks: list[WaveformBlock]) -> tuple[BlowView, ...]:
    """The blows whose curves have arrived, in the order they were made."""
    numbers = {each: number for number, each in enumerate(session.curves, start=1)}
    measured = [(numbers[block.id], _measured(block)) for block in blocks]
    whole = [blow for _, blow in measured if blow is not None]
    judgements = iter(grade_blows(whole, age_y=_ADULT_AGE_Y).session.judgements)
    return tuple(
        BlowView(number=number, trace=None, indices=None, judgement=None, hint=None)
        if blow is None
        else _view(number, blow, next(judgements))
        for number, blow in measured
    )


def best(blows: tuple[BlowView, ...]) -> tuple[int, ...]:
    """The numbers of the best three, the best first: what counts in full before what does not."""
    drawn = [blow for blow in blows if blow.trace is not None]
    ranked = sorted(drawn, key=lambda blow: (_counts(blow), blow.worth_l), reverse=True)
    return tuple(blow.number for blow in ranked[:BEST_SHOWN])


def compared(session: Spirometry, person: Person, reference: Reference) -> Comparison | None:
    """The session's values beside those of healthy people; None where the equations do not reach."""
    fev1_l, fvc_l = session.values.get("fev1_l"), session.values.get("fvc_l")
    fef_l_s = session.values.get("fef25_75_l_s")
    try:
        return compare(person, reference, Values(fev1_l=fev1_l, fvc_l=fvc_l, fef25_75_l_s=fef_l_s))
    except SignalError:
        return None


def _counts(blow: BlowView) -> int:
    judged = blow.judgement
    return 0 if judged is None else judged.fev1_acceptable + judged.fvc_acceptable


def _measured(block: WaveformBlock) -> Blow | None:
    try:
        volume_l = np.asarray(unpack_samples(block.codec, block.samples), float) / _ML_PER_L
        return measure(from_volume(np.arange(volume_l.size) / block.rate_hz, volume_l))
    except (SignalError, UnusableSignal, ValueError, ZeroDivisionError):
        return None


def _view(number: int, blow: Blow, judgement: Judgement) -> BlowView:
    hint = hint_for(judgement.reasons, blow.indices.rise_time_s)
    return BlowView(
        number=number,
        trace=_trace(blow),
        indices=blow.indices,
        judgement=judgement,
        hint=None if hint is WELL_DONE else hint,
    )


def _trace(blow: Blow) -> Trace:
    curve, zero_s = blow.curve, blow.indices.time_zero_s
    shown = curve.time_s >= zero_s - _BEFORE_S
    times: Floats = curve.time_s[shown]
    flows = smooth_flow(curve, times, _SMOOTH_S)
    # The mean over a window is wrong where the window leaves the record.
    flows[(times < curve.time_s[0] + _SMOOTH_S) | (times > curve.time_s[-1] - _SMOOTH_S)] = 0.0
    return Trace(
        _rounded(times - zero_s), _rounded(curve.volume_l[shown] - blow.level_l), _rounded(flows)
    )


def _rounded(values: Floats) -> tuple[float, ...]:
    return tuple(np.round(values, 3).tolist())
