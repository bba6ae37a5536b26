"""The codec gives back every sample, or says which block it could not."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from koffert_signal.codec import pack, read_head, unpack, unpack_block
from koffert_signal.codec.codes import CHANGE_ROW, PEEK_BITS, codes
from koffert_signal.errors import CorruptData, InvalidInput
from tests.signal.synthetic import ecg, ppg, twelve_leads

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=70)
INTEGERS = st.one_of(
    st.integers(-3, 3),
    st.integers(-(2**15), 2**15 - 1),
    st.integers(-(2**63), 2**63 - 1),
)


def bits_per_sample(samples: np.ndarray, packed: bytes) -> float:
    return 8 * len(packed) / samples.size


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.int64, SHAPES, elements=INTEGERS), st.integers(1, 80))
def test_any_integers_come_back(samples: np.ndarray, block: int) -> None:
    back = unpack(pack(samples, block_samples=block))
    assert np.array_equal(back.samples, samples)
    assert back.damaged == ()


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", ">i2", "u2", "i4", "u4", "i8", "u8", "?"])
def test_any_integer_type_comes_back(dtype: str) -> None:
    samples = np.random.default_rng(1).integers(0, 2, (3, 500)).astype(dtype)
    assert np.array_equal(unpack(pack(samples)).samples, samples)


@pytest.mark.parametrize("samples", [0, 1, 2, 31, 32, 33, 511, 512, 1535, 1536, 8192, 8193, 20000])
def test_every_length_comes_back(samples: int) -> None:
    random = np.random.default_rng(samples)
    x = np.cumsum(random.integers(-20, 21, (2, samples)), axis=1)
    assert np.array_equal(unpack(pack(x)).samples, x)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 7, 300, 2**20, 2**29]))
def test_outliers_and_steps_come_back(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    x = np.cumsum(random.integers(-3, 4, 3000)) * 5
    x[random.integers(0, 3000, 8)] += size
    assert np.array_equal(unpack(pack(x)).samples[0], x)


def test_an_overflowing_converter_is_followed() -> None:
    straight = np.rint(1500 * ppg(fs_hz=250, noise=0.001).x).astype(np.int64)
    wrapped = (straight + 2048) % 4096 - 2048
    assert np.ptp(straight) > 4096 * 0.5
    packed = pack(wrapped)
    assert np.array_equal(unpack(packed).samples[0], wrapped)
    assert len(packed) < 1.1 * len(pack(straight))


def test_limb_leads_cost_nothing() -> None:
    eight = np.rint(twelve_leads()[[0, 1, 6, 7, 8, 9, 10, 11]] * 400).astype(np.int64)
    one, two = eight[0], eight[1]
    halves = [-(one + two) / 2, one - two / 2, two - one / 2]
    limbs = [two - one, *(np.trunc(half).astype(np.int64) for half in halves)]
    twelve = np.vstack([one, two, *limbs, eight[2:]])
    packed = pack(twelve)
    assert np.array_equal(unpack(packed).samples, twelve)
    assert len(packed) < 1.02 * len(pack(eight))


def test_a_record_costs_less_than_its_differences_deflated() -> None:
    x = np.rint(ecg(noise_mv=0.01).x * 200).astype(np.int64)
    rival = zlib.compress(np.diff(x, prepend=0).astype("<i2").tobytes(), 9)
    assert len(pack(x)) < 0.85 * len(rival)


def test_the_head_tells_what_it_is() -> None:
    info: dict[str, str | int | float | list[str]] = {
        "fs_hz": 500.0,
        "leads": ["I", "II"],
        "unit": "uV",
    }
    head = read_head(pack(np.zeros((2, 30), np.int16), info=info, block_samples=10))
    assert (head.channels, head.samples, head.block, head.info) == (2, 30, 10, info)


def test_any_block_is_read_alone() -> None:
    x = np.arange(3000).reshape(2, 1500) ** 2
    packed = pack(x, block_samples=400)
    for number in range(4):
        own = x[:, 400 * number : 400 * (number + 1)]
        assert np.array_equal(unpack_block(packed, number), own)
    with pytest.raises(InvalidInput):
        unpack_block(packed, 4)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_byte_costs_its_block_only(data: st.DataObject) -> None:
    x = np.rint(ecg(duration_s=10).x * 200).astype(np.int64)[None]
    packed = bytearray(pack(x, block_samples=500))
    head = 12 + struct.unpack_from("<I", packed, 4)[0]
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    back = unpack(bytes(packed))
    assert len(back.damaged) == (head <= at < len(packed) - head)
    for number in range(8):
        own = slice(500 * number, 500 * (number + 1))
        expected = 0 if number in back.damaged else x[:, own]
        assert np.array_equal(back.samples[:, own], np.broadcast_to(expected, (1, x[:, own].size)))


def test_a_cut_file_gives_what_arrived() -> None:
    x = np.arange(4000)
    packed = pack(x, block_samples=1000)
    head = 12 + struct.unpack_from("<I", packed, 4)[0]
    back = unpack(packed[: -head - 3])
    assert back.damaged == (3,)
    assert np.array_equal(back.samples[0, :3000], x[:3000])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_senseless_blocks_with_a_right_checksum_do_no_harm(data: st.DataObject) -> None:
    x = np.rint(twelve_leads()[:, :600] * 200).astype(np.int64)
    packed = pack(x)
    start = 12 + struct.unpack_from("<I", packed, 4)[0]
    body = bytearray(packed[start:-4])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(10, min(300, len(body) - 1)))] = data.draw(st.integers(0, 255))
    forged = packed[:start] + bytes(body) + struct.pack("<I", zlib.crc32(body))
    back = unpack(forged)
    assert back.damaged in ((), (0,))
    assert back.samples.shape == x.shape


def test_what_is_no_recording_is_named() -> None:
    good = pack(np.arange(10))
    for bad in (b"", b"KFS1", b"junk" * 20, good[:9], b"KFS1" + bytes(100)):
        with pytest.raises(CorruptData):
            unpack(bad)
    flipped = bytearray(pack(np.arange(10), block_samples=4))
    flipped[10] ^= 1  # the head, and then its copy
    assert unpack(bytes(flipped)).damaged == ()
    flipped[-10] ^= 1
    with pytest.raises(CorruptData):
        unpack(bytes(flipped))


def test_what_cannot_be_packed_is_named() -> None:
    for bad in (
        [1.5],
        np.zeros((2, 2, 2), int),
        ["a"],
        np.zeros((300, 2), int),
        np.array([2**64 - 1]),
    ):
        with pytest.raises(InvalidInput):
            pack(bad)
    with pytest.raises(InvalidInput):
        pack([1], block_samples=0)


def test_the_codes_are_complete_and_short() -> None:
    table = codes()
    for row in range(CHANGE_ROW + 1):
        own = table.length_at[row << PEEK_BITS : (row + 1) << PEEK_BITS]
        assert own.min() >= 1
    assert (2.0 ** -(table.length[CHANGE_ROW].astype(float))).sum() == pytest.approx(1)


def test_a_cart_s_still_fits_in_18_kb(shared: Path) -> None:
    x = np.fromfile(shared / "data" / "ecg" / "scp_refbeat" / "test.dat", "<i2").reshape(-1, 12).T
    packed = pack(x)
    assert np.array_equal(unpack(packed).samples, x)
    assert len(packed) <= 18_700  # 12 leads x 5,000 samples; FLAC needs 27,000
