"""The device's side of each protocol, as pure as the parsers: time goes in, bytes come out."""

from typing import Protocol

from koffert_drivers.parsers import contec_v7, nonin_waveform
from koffert_drivers.simulated.physiology import Physiology, pulse_wave


class Speaker(Protocol):
    """A device's voice; `frame` is called `rate_hz` times a second."""

    rate_hz: float

    def hear(self, data: bytes, now_s: float) -> bytes:
        """What the device answers to the host's `data`."""

    def frame(self, physiology: Physiology, now_s: float) -> bytes:
        """The device's next bytes; empty while it is silent."""


# Seen on a CMS50D+: it falls silent 30 s after the last keep-alive.
CONTEC_SILENCE_S = 30.0
_CONTEC_COMMAND_BYTES = 9
# What the real device sends as waveform without a finger.
_CONTEC_REST = 64


class ContecV7Speaker:
    """A CMS50 of protocol V7.0: silent until asked, and again when the host is not heard of any more."""

    rate_hz = 60.0

    def __init__(self) -> None:
        self._phase = 0.0
        self._heard = bytearray()
        self._live_until_s: float | None = None

    def hear(self, data: bytes, now_s: float) -> bytes:
        """See Speaker."""
        self._heard += data
        while len(self._heard) >= _CONTEC_COMMAND_BYTES:
            command = bytes(self._heard[:_CONTEC_COMMAND_BYTES])
            if command[:2] != contec_v7.START_LIVE[:2]:
                del self._heard[0]
                continue
            del self._heard[:_CONTEC_COMMAND_BYTES]
            self._obey(command, now_s)
        return b""

    def _obey(self, command: bytes, now_s: float) -> None:
        live = self._live_until_s is not None
        if command == contec_v7.START_LIVE or (command == contec_v7.KEEP_ALIVE and live):
            self._live_until_s = now_s + CONTEC_SILENCE_S
        elif command == contec_v7.STOP_LIVE:
            self._live_until_s = None

    def frame(self, physiology: Physiology, now_s: float) -> bytes:
        """See Speaker."""
        if self._live_until_s is None or now_s > self._live_until_s:
            self._live_until_s = None
            return b""
        self._phase += physiology.pulse_bpm / 60 / self.rate_hz
        return contec_packet(physiology, self._phase)


def contec_packet(physiology: Physiology, phase: float) -> bytes:
    """One live packet of protocol V7.0."""
    if not physiology.finger_on:
        return _contec_pack(bytes((0x80, _CONTEC_REST, 0x10, 0, 0, 0xFF, 0xFF)))
    wave = pulse_wave(phase)
    perfusion = round(physiology.pai_pct * 100).to_bytes(2, "little")
    body = (6, round(wave * 127), round(wave * 15), physiology.pulse_bpm, physiology.spo2_pct)
    return _contec_pack(bytes(body) + perfusion)


def _contec_pack(data: bytes) -> bytes:
    high = sum((byte >> 7) << index for index, byte in enumerate(data))
    return bytes((contec_v7.LIVE, 0x80 | high, *(byte | 0x80 for byte in data)))


class NoninWaveformSpeaker:
    """A Nonin 9560 in data format 2 or 7; it obeys the command that sets one of the two."""

    rate_hz = nonin_waveform.FRAMES_PER_S

    def __init__(self, number: int) -> None:
        self._number = number
        self._phase = 0.0
        self._index = 0  # of the next frame in its packet
        self._heard = bytearray()

    def hear(self, data: bytes, now_s: float) -> bytes:  # noqa: ARG002
        """See Speaker."""
        self._heard += data
        for number in (2, 7):
            if nonin_waveform.set_format(number) in self._heard:
                self._heard.clear()
                self._number = number
                self._index = 0
                return b"\x06"
        del self._heard[:-6]  # a command is six bytes
        return b""

    def frame(self, physiology: Physiology, now_s: float) -> bytes:  # noqa: ARG002
        """See Speaker."""
        self._phase += physiology.pulse_bpm / 60 / self.rate_hz
        index, self._index = self._index, (self._index + 1) % nonin_waveform.PACKET_FRAMES
        return nonin_frame(self._number, index, physiology, self._phase)


# Recording values go to "missing" when the finger leaves; display values (frames 9, 17, 20-23) stay for 10 s.
def nonin_packet_values(physiology: Physiology) -> bytes:
    """The 25 FLOAT bytes of one packet."""
    pulse, spo2 = physiology.pulse_bpm, physiology.spo2_pct
    if not physiology.finger_on:
        pulse, spo2 = nonin_waveform.PULSE_MISSING, nonin_waveform.SPO2_MISSING
    high, low = pulse >> 7, pulse & 0x7F
    shown_high, shown_low = physiology.pulse_bpm >> 7, physiology.pulse_bpm & 0x7F
    shown = physiology.spo2_pct
    values = [high, low, spo2, 0x30, 0, 0, 0, 0, shown, spo2, spo2, 0, 0, high, low, spo2, shown]
    return bytes([*values, 0, 0, shown_high, shown_low, shown_high, shown_low, 0, 0])


def nonin_frame(number: int, index: int, physiology: Physiology, phase: float) -> bytes:
    """Frame `index` (0 to 24) of a packet in data format `number` (2 or 7)."""
    status = 0x80 | (index == 0) | (0x00 if physiology.finger_on else 0x08)
    wave = pulse_wave(phase) if physiology.finger_on else 0.5
    value = nonin_packet_values(physiology)[index]
    sample = (round(wave * 255),) if number == 2 else divmod(round(wave * 0xFFFF), 256)
    body = bytes((0x01, status, *sample, value) if number == 2 else (status, *sample, value))
    return body + bytes((sum(body) & 0xFF,))
