"""The voices of the Nonin oximeters."""

from koffert_drivers.parsers import nonin_commands, nonin_waveform
from koffert_drivers.parsers.nonin_waveform import PULSE_MISSING, SPO2_MISSING
from koffert_drivers.simulated.physiology import Physiology, pulse_wave
from koffert_drivers.simulated.speaker import Moment, Speaker


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
            if nonin_commands.set_format(number) in self._heard:
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
        pulse, spo2 = PULSE_MISSING, SPO2_MISSING
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


def df8_frame(physiology: Physiology, _: Moment) -> bytes:
    """Format 8: display values, which stay when the finger leaves, under a sensor alarm."""
    pulse = physiology.pulse_bpm
    alarm = 0x00 if physiology.finger_on else 0x08
    return bytes((0x80 | pulse >> 7, pulse & 0x7F, physiology.spo2_pct, alarm))


def df13_frame(physiology: Physiology, moment: Moment) -> bytes:
    """Format 13: a spot check, a minute after the last one."""
    pulse, spo2 = physiology.pulse_bpm, physiology.spo2_pct
    no_measurement = not physiology.finger_on
    minute = bytes.fromhex(f"{moment.number % 60:02d}")
    data = b"\x20\x26\x11\x21\x08" + minute + b"\x30\x00"
    data += bytes((no_measurement, 0, pulse >> 8, pulse & 0xFF, 0, spo2))
    return b"\x00\x02\x00\x0d\x00" + bytes((len(data), *data, sum(data) & 0xFF, 0x03))


def ble_continuous(physiology: Physiology, moment: Moment) -> bytes:
    """The 3230's value of one second."""
    found = physiology.finger_on
    pulse, spo2 = (physiology.pulse_bpm, physiology.spo2_pct) if found else (511, 127)
    status = 0x11 if found else 0x08
    perfusion = round(physiology.pai_pct * 100) if found else 0
    counted = perfusion.to_bytes(2, "big") + (moment.number & 0xFFFF).to_bytes(2, "big")
    return bytes((10, status, 30)) + counted + bytes((spo2,)) + pulse.to_bytes(2, "big")


def ble_ppg(_: Physiology, moment: Moment) -> bytes:
    """The 3150's third of a second of waveform."""
    step = 1.2 / nonin_waveform.FRAMES_PER_S
    samples = [round(pulse_wave(moment.phase + step * each) * 0xFFFF) for each in range(25)]
    body = b"".join(sample.to_bytes(2, "big") for sample in samples)
    return b"\x35" + body + (moment.number & 0xFFFF).to_bytes(2, "big")


def ble_intervals(physiology: Physiology, moment: Moment) -> bytes:
    """The 3150's times of three beats."""
    tenths = round(600_000 / physiology.pulse_bpm).to_bytes(2, "big")
    head = bytes((16,)) + (moment.number & 0xFFFF).to_bytes(2, "big")
    return head + bytes((not physiology.finger_on,)) + (b"\x01\xa4" + tenths) * 3


def ble_status(_: Physiology, moment: Moment) -> bytes:
    """The 3150's sensor and battery."""
    return bytes((7, 1, 0, 30, 80)) + (moment.number & 0xFFFF).to_bytes(2, "big")
