"""Contec CMS50, old protocol of five bytes: CMS50D, D+ up to about 4.5, old CMS50E.

Source: Contec, protocol V5.0A, and two independent drivers. 60 frames a second, no checksum. A download of stored
values uses frames of three bytes: three preambles, a length, one record per second, and an end.
"""

from koffert_drivers.measurement import (
    Damaged,
    ErrorReason,
    Event,
    Flag,
    Measurement,
    flags_set,
    judged_oximetry,
    rate,
    saturation,
)
from koffert_drivers.parser import Cut, Skip, StreamFormat, Take
from koffert_drivers.parsers.five_bytes import FRAME_BYTES, cut_five_bytes, five_bytes

DOWNLOAD = b"\xf5\xf5"

_PREAMBLE = b"\xf2\x80\x00"
_END = b"\xf6\xf6\xf6"
_RECORD = 0xF0
_RECORD_BYTES = 3
# A recorded download has one zero between its length and its first record; no text explains it.
_FILLER = 0x00

_STATUS_FLAGS = {4: Flag.SEARCHING, 5: Flag.SPO2_DROPPING}
_BAR_FLAGS = {4: Flag.PROBE_ERROR, 5: Flag.SEARCHING}


class Contec5Byte(StreamFormat):
    """The old protocol as a stream; live and stored measurements come out."""

    longest_bytes = FRAME_BYTES

    def __init__(self) -> None:
        self._in_download = False
        self._length_seen = False

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        piece = bytes(buffer[start : start + _RECORD_BYTES])
        if self._length_seen and piece[0] == _FILLER:
            return Take(1)
        second_is_high = len(piece) > 1 and piece[1] >= 0x80
        if second_is_high and (self._in_download or _PREAMBLE.startswith(piece)):
            return _cut_download(piece)
        return cut_five_bytes(buffer, start)

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        if len(frame) == FRAME_BYTES:
            self.interrupted()
            return [_live(frame)]
        if frame in {_PREAMBLE, _END}:
            self._in_download, self._length_seen = frame == _PREAMBLE, False
            return []
        if self._length_seen and len(frame) == _RECORD_BYTES:
            return [_stored(frame)]
        self._length_seen = True
        return []

    def interrupted(self) -> list[Event]:
        """See StreamFormat. A broken download is asked for again."""
        self._in_download = self._length_seen = False
        return []


def _cut_download(piece: bytes) -> Cut:
    if len(piece) < _RECORD_BYTES:
        return None
    whole = piece[0] >= 0x80 and (piece[2] < 0x80 or piece == _END)
    return Take(_RECORD_BYTES) if whole else Skip(1, ErrorReason.GARBAGE)


def _live(frame: bytes) -> Measurement:
    fields = five_bytes(frame)
    flags = flags_set(fields.status, _STATUS_FLAGS) + flags_set(fields.bar, _BAR_FLAGS)
    if fields.status & 0x0F == 0:  # the signal's strength, 0 to 8
        flags += (Flag.WEAK_SIGNAL,)
    return judged_oximetry(
        Measurement(
            spo2_pct=saturation(fields.spo2_pct),
            pulse_bpm=rate(fields.pulse_bpm),
            waveform=(fields.wave,),
            finger=Flag.PROBE_ERROR not in flags,
            flags=tuple(dict.fromkeys(flags)),
        )
    )


def _stored(frame: bytes) -> Measurement:
    """One second of a download; the device keeps no time with it."""
    if frame[0] & 0xFE != _RECORD:
        raise Damaged(ErrorReason.CONTENT, "a record in a download starts otherwise")
    return judged_oximetry(
        Measurement(
            spo2_pct=saturation(frame[2]),
            pulse_bpm=rate((frame[0] & 0x01) << 7 | frame[1] & 0x7F),
            flags=(Flag.FROM_STORAGE,),
        )
    )
