"""The voices of the Nonin oximeters."""

from koffert_drivers.parsers import nonin_waveform
from koffert_drivers.simulated.physiology import Physiology, pulse_wave
from koffert_drivers.simulated.speaker import Speaker


class NoninWaveformSpeaker(Speaker):
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
