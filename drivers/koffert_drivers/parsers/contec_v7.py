"""Contec CMS50 protocol V7.0: D+ 4.6, E, F/FW, EW/IW, CMS60 and their rebadged kin.

Source: Contec, "Communication protocol of pulse oximeter V7.0" (2010-07-08), checked against captures of a D+.
A packet is its type (bit 7 clear), then bytes with bit 7 set; the first of those carries the bit 7 of the
others. There is no checksum: the high bits and the length by type are all that frames it.
"""

from koffert_drivers.measurement import (
    ErrorReason,
    Event,
    Flag,
    Measurement,
    flags_set,
    judged_oximetry,
    rate,
    saturation,
)
from koffert_drivers.parser import Cut, Skip, StreamFormat, Take, broken_off

LIVE = 0x01
STORED_WITH_PI = 0x09
STORED_TRIPLE = 0x0F

# Packet length by type, with the type byte.
LENGTHS = {
    LIVE: 9,
    0x02: 9,  # device id text
    0x03: 9,  # maker text
    0x04: 9,  # device text
    0x05: 9,  # user text
    0x06: 4,  # seen after A0, not documented
    0x07: 8,  # start date of storage
    0x08: 8,  # length of storage
    STORED_WITH_PI: 6,
    0x0A: 4,  # number of segments
    0x0B: 4,  # feedback: command, reason
    0x0C: 2,  # free (command done)
    0x0D: 3,  # disconnect: reason
    0x0E: 3,  # PI supported
    STORED_TRIPLE: 8,
    0x10: 3,  # number of users
    0x11: 9,  # notice
    0x12: 8,  # start time of storage
    0x13: 9,  # identifiers
    0x14: 9,
    0x15: 9,
}

PI_MISSING = 0xFFFF
_PI_INVALID_BIT = 0x10
_STATUS_FLAGS = {4: Flag.SEARCHING, 5: Flag.SPO2_DROPPING, 7: Flag.NO_FINGER}
_WAVE_FLAGS = {7: Flag.SEARCHING}


def command(code: int) -> bytes:
    """The host's command `code` without arguments."""
    return bytes((0x7D, 0x81, code)) + b"\x80" * 6


START_LIVE = command(0xA1)
STOP_LIVE = command(0xA2)
KEEP_ALIVE = command(0xAF)
# The vendor text asks for one every 5 s; a D+ falls silent 30 s after the last.
KEEP_ALIVE_S = 5.0


def unpack(packet: bytes) -> bytes:
    """The data bytes of `packet` with their bit 7 put back."""
    high = packet[1]
    return bytes(byte & 0x7F | (high >> index & 1) << 7 for index, byte in enumerate(packet[2:]))


class ContecV7(StreamFormat):
    """The packets of protocol V7.0 as a stream; live and stored measurements come out."""

    longest_bytes = max(LENGTHS.values())

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        length = LENGTHS.get(buffer[start])
        if length is None:
            return Skip(1, ErrorReason.GARBAGE)
        end = min(start + length, len(buffer))
        for index in range(start + 1, end):
            if buffer[index] < 0x80:  # the next packet starts before this one is whole
                return broken_off(index - start)
        return Take(length) if end - start == length else None

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        if frame[0] == LIVE:
            return [_live(unpack(frame))]
        if frame[0] == STORED_WITH_PI:
            return [_stored_with_pi(unpack(frame))]
        if frame[0] == STORED_TRIPLE:
            data = unpack(frame)
            return [_stored(data[at], data[at + 1]) for at in (0, 2, 4)]
        return []

    def interrupted(self) -> list[Event]:
        """See StreamFormat."""
        return []


def _live(data: bytes) -> Measurement:
    flags = flags_set(data[0], _STATUS_FLAGS) + flags_set(data[1], _WAVE_FLAGS)
    if data[0] & 0x0F == 0:  # the signal's strength, 0 to 8
        flags += (Flag.WEAK_SIGNAL,)
    return judged_oximetry(
        Measurement(
            spo2_pct=saturation(data[4]),
            pulse_bpm=rate(data[3]),
            pai_pct=None if data[2] & _PI_INVALID_BIT else _perfusion(data[5:7]),
            waveform=(data[1] & 0x7F,),
            finger=not data[0] & 0x80,
            flags=tuple(dict.fromkeys(flags)),
        )
    )


def _stored_with_pi(data: bytes) -> Measurement:
    return _stored(data[0], data[1], _perfusion(data[2:4]))


def _stored(spo2: int, pulse: int, pai_pct: float | None = None) -> Measurement:
    return judged_oximetry(
        Measurement(
            spo2_pct=saturation(spo2),
            pulse_bpm=rate(pulse),
            pai_pct=pai_pct,
            flags=(Flag.FROM_STORAGE,),
        )
    )


def _perfusion(raw: bytes) -> float | None:
    value = int.from_bytes(raw, "little")  # the index times 100
    return None if value in {0, PI_MISSING} else value / 100
