"""Every sample comes back as it was, in the smallest codec that holds them all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_wire.messages import SampleCodec
from koffert_wire.samples import pack_samples, unpack_samples


@given(samples=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=300))
def test_samples_come_back_as_they_were(samples: list[int]) -> None:
    assert unpack_samples(*pack_samples(samples)) == samples


@pytest.mark.parametrize(
    ("samples", "codec"),
    [
        ([-32768, 32767], SampleCodec.INT16_LE),
        ([0, 65535], SampleCodec.UINT16_LE),
        ([-1, 65535], SampleCodec.INT32_LE),
    ],
)
def test_the_smallest_codec_is_taken(samples: list[int], codec: SampleCodec) -> None:
    assert pack_samples(samples)[0] is codec


def test_what_no_codec_holds_is_an_error() -> None:
    with pytest.raises(OverflowError):
        pack_samples([2**31])


def test_cut_bytes_are_an_error() -> None:
    with pytest.raises(ValueError, match="multiple"):
        unpack_samples(SampleCodec.UINT16_LE, b"\x00")
