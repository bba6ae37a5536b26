"""The leads of a still as stored: differences of the samples, packed together."""

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard
from msgspec import Struct

from koffert_drivers.stills.records import Lead

# Differences of an ECG are small; zstd's higher levels find more in them, and a still is packed once.
_LEVEL = 12


class _Packed(Struct, frozen=True, array_like=True):
    name: str
    gain_uv: float
    start_s: float
    derived: bool
    differences: bytes


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODER = msgspec.msgpack.Decoder(tuple[_Packed, ...])


def pack_leads(leads: tuple[Lead, ...]) -> bytes:
    """The leads, every sample as it is."""
    packed = [
        _Packed(each.name, each.gain_uv, each.start_s, each.derived, _differences(each.samples))
        for each in leads
    ]
    return zstandard.ZstdCompressor(level=_LEVEL).compress(_ENCODE(packed))


def unpack_leads(data: bytes) -> tuple[Lead, ...]:
    """What `pack_leads` was given."""
    found = _DECODER.decode(zstandard.ZstdDecompressor().decompress(data))
    return tuple(
        Lead(each.name, _samples(each.differences), each.gain_uv, each.start_s, each.derived)
        for each in found
    )


def _differences(samples: npt.NDArray[np.int32]) -> bytes:
    """Differences modulo 2^32, the low bytes of all first: most of the others are alike."""
    unsigned = samples.astype("<i4").view("<u4")
    steps = np.diff(unsigned, prepend=np.zeros(1, dtype="<u4"))
    return np.ascontiguousarray(steps.view(np.uint8).reshape(-1, 4).T).tobytes()


def _samples(data: bytes) -> npt.NDArray[np.int32]:
    steps = np.ascontiguousarray(np.frombuffer(data, dtype=np.uint8).reshape(4, -1).T)
    samples = np.cumsum(steps.view("<u4").reshape(-1), dtype=np.uint32).view(np.int32)
    samples.setflags(write=False)
    return samples
