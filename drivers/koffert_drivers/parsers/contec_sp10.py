"""Contec SP10W and SP10BT spirometers: the numbers of stored blows.

Source: the vendor's app, as others describe it. The unit, sign and time step of the curve's points are not public,
so the curve is left on the device.
"""

from koffert_drivers.measurement import Event, Flag, Measurement, judged
from koffert_drivers.parser import Cut, StreamFormat
from koffert_drivers.parsers.contec_frames import command, cut_contec
from koffert_drivers.parsers.fields import device_time

READ_STORAGE = command(0x90)
READ_BLOWS = command(0x91, 0x00)

_BLOW = b"\xe1"
_LENGTHS = {
    _BLOW: 33,
    b"\xe0": 6,  # how many blows
    b"\xf2": 8,  # version
    b"\xf3": 3,  # time is set
    b"\xe3": 3,  # deleted
}
# A byte at one of these places holds bit 7 of the seven bytes after it.
_HIGH_BITS_AT = (9, 17, 25)
# The vendor's app throws a blow away above either.
_FVC_LIMIT_L = 10
_PEF_LIMIT_L_S = 16


class ContecSp10(StreamFormat):
    """The device's answers as a stream; each stored blow is a measurement."""

    longest_bytes = max(_LENGTHS.values())

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        return cut_contec(buffer, start, _LENGTHS)

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        return [_blow(unpack(frame))] if frame.startswith(_BLOW) else []

    def interrupted(self) -> list[Event]:
        """See StreamFormat."""
        return []


def unpack(frame: bytes) -> bytes:
    """`frame` with bit 7 put back into its data bytes; all places stay the same."""
    data = bytearray(frame)
    for group in _HIGH_BITS_AT:
        for index in range(7):
            place = group + 1 + index
            data[place] = frame[place] & 0x7F | (frame[group] >> index & 1) << 7
    return bytes(data)


def _blow(data: bytes) -> Measurement:
    time = device_time(2000 + data[1], data[2:7])
    fvc_l, pef_l_s = _hundredths(data, 15), _hundredths(data, 21)
    flags = [Flag.FROM_STORAGE]
    if time is None:
        flags.append(Flag.CLOCK_NOT_SET)
    if (fvc_l or 0) > _FVC_LIMIT_L or (pef_l_s or 0) > _PEF_LIMIT_L_S:
        flags.append(Flag.INVALID)
    return judged(
        Measurement(
            fvc_l=fvc_l,
            fev1_l=_hundredths(data, 18),
            pef_l_s=pef_l_s,
            fef25_l_s=_hundredths(data, 23),
            fef75_l_s=_hundredths(data, 26),
            fef25_75_l_s=_hundredths(data, 28),
            measured_at=time,
            flags=tuple(flags),
        )
    )


def _hundredths(data: bytes, at: int) -> float | None:
    return int.from_bytes(data[at : at + 2], "little") / 100 or None
