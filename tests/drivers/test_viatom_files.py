"""What a ring stored: the list, the clock and the records, as three clients read them."""

import struct
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.measurement import Damaged, Flag
from koffert_drivers.parsers import viatom_files
from koffert_drivers.simulated.viatom import o2ring_file

STARTED = datetime(2026, 11, 21, 23, 30)  # noqa: DTZ001 - a ring's clock has no zone


def test_records_bear_the_rings_time_and_what_is_none_is_left_out() -> None:
    records = viatom_files.decode_file(o2ring_file(STARTED, [97, 255, 96]))
    assert [(one.spo2_pct, one.pulse_bpm, one.quality) for one in records] == [
        (97, 70, 1),
        (96, 70, 1),
    ]
    assert [(one.measured_at - STARTED).seconds for one in records if one.measured_at] == [0, 8]
    assert all(one.flags == (Flag.FROM_STORAGE,) for one in records)
    assert len(viatom_files.decode_file(o2ring_file(STARTED, [97] * 3, interval_s=2))) == 3


def test_a_record_whose_third_byte_is_not_0_is_none() -> None:
    content = bytearray(o2ring_file(STARTED, [97, 96]))
    content[42] = 1
    assert [one.spo2_pct for one in viatom_files.decode_file(bytes(content))] == [96]
    below_70 = o2ring_file(STARTED, [65])
    assert viatom_files.decode_file(below_70)[0].spo2_pct == 65


@pytest.mark.parametrize(
    "content",
    [
        b"",
        o2ring_file(STARTED, [97])[:-1],
        o2ring_file(STARTED, []),
        o2ring_file(STARTED, [97, 97], interval_s=3),
        b"\x05" + o2ring_file(STARTED, [97])[1:],
        o2ring_file(STARTED, [97])[:4] + b"\x00" + o2ring_file(STARTED, [97])[5:],
    ],
)
def test_a_file_that_cannot_be_is_damaged(content: bytes) -> None:
    with pytest.raises(Damaged):
        viatom_files.decode_file(content)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: b"\x03\x00" + rest))
def test_any_bytes_are_records_or_damaged(content: bytes) -> None:
    for decode in (viatom_files.decode_file, viatom_files.decode_info):
        try:
            decode(content)
        except Damaged:
            continue


def test_the_list_of_files() -> None:
    answer = (
        b'{"Region":"CE","CurTIME":"2026-11-22,07:12:03","FileList":"20261121233000,","x":1}\0\0'
    )
    info = viatom_files.decode_info(answer)
    assert info.clock == datetime(2026, 11, 22, 7, 12, 3)  # noqa: DTZ001 - as above
    assert info.files == ("20261121233000",)
    assert viatom_files.begun(info.files[0]) == STARTED
    assert viatom_files.begun("x") is None
    assert viatom_files.decode_info(b"{}") == viatom_files.RingInfo(None, ())
    for wrong in (b"", b"[]", b'{"FileList":1}', b"\xff"):
        with pytest.raises(Damaged):
            viatom_files.decode_info(wrong)


def test_the_requests() -> None:
    opened = viatom_files.open_file("20261121233000")
    assert opened[:7] == struct.pack("<BBBHH", 0xAA, 0x03, 0xFC, 0, 15)
    assert opened[7:-1] == b"20261121233000\0"
    assert viatom_files.read_block(258)[3:5] == b"\x02\x01"
    assert viatom_files.set_time(STARTED)[7:-1] == b'{"SetTIME":"2026-11-21,23:30:00"}'
