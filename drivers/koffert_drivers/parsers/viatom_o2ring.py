"""Viatom and Wellue O2Ring (classic): replies to the host's requests, longer than one notification.

Source: three independent clients; framing, saturation, pulse, battery and "worn" agree in all. The scale of the
perfusion byte is stated nowhere, so it is left out.
"""

from koffert_drivers.measurement import (
    ErrorReason,
    Event,
    Flag,
    Measurement,
    judged_oximetry,
    rate,
    saturation,
)
from koffert_drivers.parser import Cut, Skip, StreamFormat, Take
from koffert_drivers.parsers.checksums import crc8

_REPLY = 0x55
_HEAD_BYTES = 7
_SENSORS_BYTES = 13
_LIVE_HEAD_BYTES = 12
LIVE_RATE_HZ = 125.0
# Two seconds of waveform and their head, and a block of a stored file, are both below this.
_LONGEST_PAYLOAD = 1024
_PULSE_MISSING = 0xFFFF


def request(code: int, content: bytes = b"", *, block: int = 0) -> bytes:
    """The host's request `code`; it is written in pieces of 20 bytes."""
    head = bytes((0xAA, code, code ^ 0xFF))
    head += block.to_bytes(2, "little") + len(content).to_bytes(2, "little")
    return head + content + bytes((crc8(head + content),))


READ_SENSORS = request(0x17)
READ_LIVE = request(0x1B)
# Clients poll this often; the ring drops a link on which nothing is asked.
POLL_S = 2.0


class ViatomO2Ring(StreamFormat):
    """The replies, over however many notifications."""

    longest_bytes = _HEAD_BYTES + _LONGEST_PAYLOAD + 1

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        head = buffer[start : start + _HEAD_BYTES]
        if head[0] != _REPLY or (len(head) > 2 and head[1] ^ head[2] != 0xFF):
            return Skip(1, ErrorReason.GARBAGE)
        if len(head) < _HEAD_BYTES:
            return None
        size = head[5] | head[6] << 8
        if size > _LONGEST_PAYLOAD:
            return Skip(1, ErrorReason.OVERSIZED)
        end = start + _HEAD_BYTES + size + 1
        if len(buffer) < end:
            return None
        whole = crc8(bytes(buffer[start : end - 1])) == buffer[end - 1]
        return Take(end - start) if whole else Skip(1, ErrorReason.CHECKSUM)

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        payload = payload_of(frame)
        if payload is None:
            return []
        if len(payload) == _SENSORS_BYTES:
            return [_measurement(payload, battery=payload[7], worn=payload[11])]
        if _is_live(payload):
            samples = tuple(payload[_LIVE_HEAD_BYTES:])
            return [_measurement(payload, battery=payload[3], worn=payload[6], samples=samples)]
        return []

    def interrupted(self) -> list[Event]:
        """See StreamFormat."""
        return []


def payload_of(frame: bytes) -> bytes | None:
    """What a whole reply carries; None when the request failed."""
    return None if frame[1] else frame[_HEAD_BYTES:-1]


def _is_live(payload: bytes) -> bool:
    """A reply does not say to what: a live block is known by its own count of samples."""
    if len(payload) < _LIVE_HEAD_BYTES:
        return False
    return len(payload) == _LIVE_HEAD_BYTES + int.from_bytes(payload[10:12], "little")


def _measurement(
    payload: bytes, *, battery: int, worn: int, samples: tuple[int, ...] = ()
) -> Measurement:
    spo2, pulse = saturation(payload[0]), int.from_bytes(payload[1:3], "little")
    return judged_oximetry(
        Measurement(
            spo2_pct=spo2,
            pulse_bpm=rate(pulse, missing=_PULSE_MISSING),
            battery_pct=battery if battery <= 100 else None,
            waveform=samples,
            finger=worn == 1,
            flags=_flags(payload, worn),
        )
    )


def _flags(payload: bytes, worn: int) -> tuple[Flag, ...]:
    if worn != 1:
        return (Flag.NO_FINGER,)
    return () if any(payload[:3]) else (Flag.CALIBRATING,)
