"""The contract of contract.py, held against every stream in the device table."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koffert_drivers.device import DeviceRecord, Kind, Waveform
from koffert_drivers.measurement import ERROR_BYTES, ErrorReason, FrameError
from koffert_drivers.parser import LONGEST_ATTRIBUTE, LOST_LIMIT, StreamParser
from koffert_drivers.simulated.physiology import Physiology
from koffert_drivers.table import DEVICES
from tests.drivers.contract import (
    CASES,
    STREAMS,
    VALUES,
    Case,
    errors,
    measurements,
    recording,
    run,
    sliced,
)

every = pytest.mark.parametrize("case", CASES, ids=str)
streams = pytest.mark.parametrize("case", STREAMS, ids=str)
values = pytest.mark.parametrize("case", VALUES, ids=str)
few = settings(max_examples=25, deadline=None)


def reference(case: Case) -> list[object]:
    return list(run(case.parser(), recording(str(case))))


@every
def test_clean_bytes_give_values_and_no_errors(case: Case) -> None:
    events = run(case.parser(), recording(str(case)))
    assert not errors(events)
    assert measurements(events)


@pytest.mark.parametrize("record", DEVICES, ids=lambda record: record.id)
def test_the_first_stream_gives_numbers_or_a_flow(record: DeviceRecord) -> None:
    case = Case(record, record.streams[0])
    found = measurements(run(case.parser(), case.frames()))
    if case.stream.waveform is Waveform.FLOW:
        assert sum(len(each.waveform) for each in found) == len(case.frames())
    else:
        assert any(each.quality > 0 for each in found)


@every
def test_no_oximeter_gives_numbers_without_a_finger(case: Case) -> None:
    if Kind.SPO2 not in case.record.kinds:
        return
    for each in measurements(run(case.parser(), case.frames(Physiology(finger_on=False)))):
        assert (each.spo2_pct, each.pulse_bpm, each.quality) == (None, None, 0)


@every
def test_any_kind_of_bytes(case: Case) -> None:
    frames = recording(str(case))
    as_bytearray = run(case.parser(), [bytearray(frame) for frame in frames])
    as_view = run(case.parser(), [memoryview(frame) for frame in frames])
    assert as_bytearray == as_view == reference(case)


@every
def test_close_leaves_a_parser_like_new(case: Case) -> None:
    parser = case.parser()
    frames = recording(str(case))
    run(parser, [frames[0][:-1] or b"\x00"])
    assert run(parser, frames) == reference(case)


@streams
def test_byte_by_byte_glued_and_whole_are_the_same(case: Case) -> None:
    data = b"".join(recording(str(case)))
    byte_by_byte = run(case.parser(), [data[at : at + 1] for at in range(len(data))])
    glued = run(case.parser(), [data])
    assert byte_by_byte == glued == reference(case)


@streams
@few
@given(cuts=st.lists(st.integers(0, 100_000), max_size=40))
def test_slices_do_not_matter(case: Case, cuts: list[int]) -> None:
    data = b"".join(recording(str(case)))
    assert run(case.parser(), sliced(data, cuts)) == reference(case)


@streams
def test_a_truncated_frame_is_an_error_and_not_a_value(case: Case) -> None:
    frames = recording(str(case))
    for size in range(1, len(frames[-1])):
        events = run(case.parser(), [*frames[:-1], frames[-1][:size]])
        assert [error.reason for error in errors(events)] == [ErrorReason.TRUNCATED]
        assert len(measurements(events)) <= len(reference(case))


@streams
@few
@given(
    before=st.binary(max_size=120), between=st.binary(max_size=120), after=st.binary(max_size=120)
)
def test_values_come_back_after_garbage(
    case: Case, before: bytes, between: bytes, after: bytes
) -> None:
    expected = reference(case)
    data = b"".join(recording(str(case)))
    events = run(case.parser(), [before, data, between, data, after])
    # One measurement may be lost at each end of the garbage, for it can look like the frame's beginning.
    found = [event for event in events if event in expected]
    assert len(found) >= 2 * (len(expected) - 2)


@streams
@few
@given(garbage=st.binary(max_size=300), cut=st.integers(0, 300))
def test_one_frame_and_one_frame_length_after_garbage_all_is_well(
    case: Case, garbage: bytes, cut: int
) -> None:
    parser = case.parser()
    assert isinstance(parser, StreamParser)
    parser.feed(garbage)
    parser.feed(recording(str(case))[0][:cut])  # and a frame that breaks off
    before = 0
    for frame in recording(str(case)) * 3:
        if any(event in reference(case) for event in parser.feed(frame)):
            break
        before += len(frame)
    assert before < 2 * parser.longest_bytes


@streams
@few
@given(noise=st.binary(min_size=1, max_size=50))
def test_memory_is_bounded_by_the_longest_frame(case: Case, noise: bytes) -> None:
    parser = case.parser()
    assert isinstance(parser, StreamParser)
    events = [event for _ in range(200) for event in parser.feed(noise)]
    assert parser.held_bytes <= parser.longest_bytes + LOST_LIMIT
    assert all(len(error.data) <= ERROR_BYTES for error in errors(events))


@every
@few
@given(chunks=st.lists(st.binary(max_size=64), max_size=12))
def test_no_bytes_make_it_raise(case: Case, chunks: list[bytes]) -> None:
    for event in run(case.parser(), chunks):
        if not isinstance(event, FrameError):
            assert 0 <= event.quality <= 1
            assert event.spo2_pct is None or 0 < event.spo2_pct <= 100


@values
def test_a_truncated_value_never_raises(case: Case) -> None:
    for frame in recording(str(case))[:3]:
        for size in range(len(frame)):
            assert len(run(case.parser(), [frame[:size]])) <= 1


@values
def test_an_oversized_value_is_an_error(case: Case) -> None:
    (event,) = run(case.parser(), [bytes(LONGEST_ATTRIBUTE + 1)])
    assert isinstance(event, FrameError)
    assert event.reason is ErrorReason.OVERSIZED


@values
def test_a_damaged_value_does_not_touch_the_next(case: Case) -> None:
    parser = case.parser()
    frame = recording(str(case))[0]
    before = parser.feed(frame)
    parser.feed(frame[:1])
    assert parser.feed(frame) == before
