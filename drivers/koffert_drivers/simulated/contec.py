"""The voices of the Contec oximeters."""

from koffert_drivers.parsers import contec_v7
from koffert_drivers.parsers.contec_frames import command
from koffert_drivers.simulated.physiology import Physiology, pulse_wave
from koffert_drivers.simulated.speaker import Moment, Speaker

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


def five_byte_frame(physiology: Physiology, moment: Moment) -> bytes:
    """One frame of the old protocol."""
    if not physiology.finger_on:
        return bytes((0x90, 40, 0x35, 0, 0))
    wave, pulse = pulse_wave(moment.phase), physiology.pulse_bpm
    bar = round(wave * 15) | pulse >> 7 << 6
    return bytes((0x86, round(wave * 127), bar, pulse & 0x7F, physiology.spo2_pct))


def eb_frames(physiology: Physiology, moment: Moment) -> bytes:
    """A frame of waveform, and once a second one of numbers."""
    found = physiology.finger_on
    wave = pulse_wave(moment.phase) if found else 0.5
    frames = command(0xEB, 0x00, 0x00, round(wave * 127), round(wave * 15))
    if moment.number % 60 == 0:
        pulse, spo2 = (physiology.pulse_bpm & 0x7F, physiology.spo2_pct) if found else (0, 0)
        frames += command(0xEB, 0x01, 0x04, pulse, spo2, 0x7F, 0x00)
    return frames


def sp10_blow(_: Physiology, moment: Moment) -> bytes:
    """A stored blow: FVC 3.10 L, FEV1 1.45 L, PEF 4.20 L/s, of one minute after the last."""
    data = bytearray(32)
    data[0:7] = bytes((0xE1, 26, 11, 21, 8, moment.number % 60, 30))
    for at, hundredths in ((15, 310), (18, 145), (21, 420), (23, 150), (26, 40), (28, 75)):
        data[at : at + 2] = hundredths.to_bytes(2, "little")
    data[20] = 47
    for group in (9, 17, 25):
        for index in range(min(7, len(data) - group - 1)):
            data[group] |= (data[group + 1 + index] >> 7) << index
            data[group + 1 + index] &= 0x7F
    return command(*data)
