"""From curves to a graded session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from koffert_signal.spirometry.curve import Curve
from koffert_signal.spirometry.faults import (
    HELD_AT_END_S,
    Fault,
    curve_faults,
    still_for_s,
    stopped_abruptly,
)
from koffert_signal.spirometry.grading import (
    DUST,
    PLATEAU_L,
    BlowFacts,
    Session,
    grade_session,
)
from koffert_signal.spirometry.indices import Blow, measure


class MeasuredSession(NamedTuple):
    """The blows of one sitting in their order, and what they amount to."""

    blows: tuple[Blow, ...]
    session: Session


def facts_of(blow: Blow, observed: frozenset[Fault] = frozenset()) -> BlowFacts:
    """Return what Table 7 asks of a measured blow; `observed` is what a person saw (leak, teeth, tongue)."""
    indices = blow.indices
    return BlowFacts(
        fev1_l=indices.fev1_l,
        fvc_l=indices.fvc_l,
        bev_l=indices.bev_l,
        fet_s=indices.fet_s,
        plateau=_has_plateau(blow),
        fivc_l=indices.fivc_l,
        pef_l_s=indices.pef_l_s,
        fef25_75_l_s=indices.fef25_75_l_s,
        faults=curve_faults(blow) | observed,
    )


def grade_blows(blows: Sequence[Blow], *, age_y: float) -> MeasuredSession:
    """Judge and grade measured blows, in the order they were made."""
    facts = [facts_of(blow) for blow in blows]
    return MeasuredSession(tuple(blows), grade_session(facts, age_y=age_y))


def measure_session(curves: Sequence[Curve], *, age_y: float) -> MeasuredSession:
    """Measure, judge and grade the blows of one session, in the order they were made.

    Raises UnusableSignal for a curve that holds no whole blow, as `measure` does.
    """
    return grade_blows([measure(curve) for curve in curves], age_y=age_y)


def _has_plateau(blow: Blow) -> bool:
    """Tell whether the last second of expiration brought at most 25 mL, or a second of rest followed it.

    The second is counted back from where flow ended, so that what a recorder appends does not make a
    plateau of a blow that was broken off.
    """
    if blow.indices.fet_s >= 1 and blow.indices.last_second_l <= PLATEAU_L + DUST:
        return True
    return still_for_s(blow) >= HELD_AT_END_S and not stopped_abruptly(blow)
