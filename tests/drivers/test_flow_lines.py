"""The lines of a flow sensor, and the simulated patient who blows into it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.measurement import ErrorReason
from koffert_drivers.parser import StreamParser
from koffert_drivers.parsers.flow_lines import MISSING, RATE_HZ, FlowLines, flow_line
from koffert_drivers.simulated.physiology import Effort, breath_l_s
from koffert_signal.spirometry.curve import from_flow
from koffert_signal.spirometry.faults import Fault
from koffert_signal.spirometry.grading import judge
from koffert_signal.spirometry.indices import Blow, measure
from koffert_signal.spirometry.session import facts_of
from tests.drivers.contract import errors, measurements, run


def samples(*lines: bytes) -> list[int]:
    found = measurements(run(StreamParser(FlowLines()), lines))
    return [sample for each in found for sample in each.waveform]


@given(number=st.integers(0, 65535), flow_ml_s=st.integers(-20_000, 20_000))
def test_a_line_is_what_it_says(number: int, flow_ml_s: int) -> None:
    line = flow_line(number, flow_ml_s)
    assert len(line) == 18
    assert samples(line) == [flow_ml_s]


def test_the_line_of_the_description() -> None:
    assert flow_line(42, 1234) == b"F,00042,+01234,43\n"


def test_what_is_missing_is_marked_in_its_place_and_the_count_begins_anew() -> None:
    assert samples(flow_line(65534, 1), flow_line(1, 2)) == [1, MISSING, MISSING, 2]
    assert samples(flow_line(100, 1), flow_line(200, 2)) == [1, 2]


def test_a_changed_line_is_no_sample() -> None:
    line = flow_line(7, 500).replace(b"+00500", b"+00600")
    events = run(StreamParser(FlowLines()), [line, flow_line(8, 500)])
    assert [error.reason for error in errors(events)] == [ErrorReason.CHECKSUM]
    assert [each.waveform for each in measurements(events)] == [(500,)]


def blown(effort: Effort) -> Blow:
    times_s = np.arange(-0.5, 7.0, 1 / RATE_HZ)
    return measure(from_flow(times_s, [breath_l_s(effort, at_s) for at_s in times_s]))


@pytest.mark.parametrize(
    ("effort", "reasons"),
    [
        (Effort.GOOD, ()),
        (Effort.AGAIN, ()),
        (Effort.SHORT, (Fault.NO_END,)),
        (Effort.COUGH, (Fault.COUGH_FIRST_SECOND,)),
        (Effort.HESITANT, (Fault.SLOW_START,)),
    ],
)
def test_the_simulated_patient_blows_as_asked(effort: Effort, reasons: tuple[Fault, ...]) -> None:
    blow = blown(effort)
    assert judge(facts_of(blow), age_y=70).reasons == reasons
    if effort is Effort.GOOD:
        assert blow.indices.fev1_l == pytest.approx(1.45, abs=0.15)
