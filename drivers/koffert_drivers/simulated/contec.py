"""The voices of the Contec oximeters."""

from koffert_drivers.parsers import contec_v7
from koffert_drivers.simulated.physiology import Physiology, pulse_wave
from koffert_drivers.simulated.speaker import Speaker

# Seen on a CMS50D+: it falls silent 30 s after the last keep-alive.
CONTEC_SILENCE_S = 30.0
_CONTEC_COMMAND_BYTES = 9
# What the real device sends as waveform without a finger.
_CONTEC_REST = 64


class ContecV7Speaker(Speaker):
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
