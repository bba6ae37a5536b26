"""Samples of a waveform block to bytes and back; nothing is ever cut to fit."""

import sys
from array import array
from collections.abc import Sequence

from koffert_wire.messages import SampleCodec

# From the most common: meters of 8 bits and signed ones, raw ADC counts, and whatever else may come.
_CODECS: tuple[tuple[SampleCodec, str, int, int], ...] = (
    (SampleCodec.INT16_LE, "h", -(2**15), 2**15 - 1),
    (SampleCodec.UINT16_LE, "H", 0, 2**16 - 1),
    (SampleCodec.INT32_LE, "i", -(2**31), 2**31 - 1),
)
_TYPECODES = {codec: typecode for codec, typecode, _, _ in _CODECS}


def pack_samples(samples: Sequence[int]) -> tuple[SampleCodec, bytes]:
    """The first codec that holds every sample, and the bytes; raises OverflowError beyond 32 bits."""
    least, most = min(samples, default=0), max(samples, default=0)
    for codec, typecode, lowest, highest in _CODECS:
        if lowest <= least and most <= highest:
            return codec, _little_endian(array(typecode, samples)).tobytes()
    raise OverflowError(f"samples from {least} to {most}")


def unpack_samples(codec: SampleCodec, data: bytes) -> list[int]:
    """The samples of a block; raises ValueError when `data` is cut."""
    samples = array(_TYPECODES[codec])
    samples.frombytes(data)
    return _little_endian(samples).tolist()


def _little_endian(samples: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        samples.byteswap()
    return samples
