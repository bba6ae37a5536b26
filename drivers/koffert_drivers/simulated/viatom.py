"""The voices of the Viatom oximeters."""

from koffert_drivers.parsers.checksums import crc8, crc8_maxim
from koffert_drivers.simulated.physiology import Physiology, pulse_wave
from koffert_drivers.simulated.speaker import Moment

_LIVE_SAMPLES = 250  # two seconds at 125 Hz


def o2ring_sensors(physiology: Physiology, _: Moment) -> bytes:
    """The ring's reply to "read sensors"."""
    found = physiology.finger_on
    numbers = _o2ring_numbers(physiology)
    return _o2ring_reply(numbers + bytes((0, 0, 0, 0, 80, 0, 5, 20, found, 0)))


def o2ring_live(physiology: Physiology, moment: Moment) -> bytes:
    """The ring's reply to "read live": numbers and two seconds of waveform."""
    step = physiology.pulse_bpm / 60 / 125
    samples = bytes(
        round(pulse_wave(moment.phase + step * each) * 200) for each in range(_LIVE_SAMPLES)
    )
    head = _o2ring_numbers(physiology) + bytes((80, 0, 20, physiology.finger_on, 0, 0, 0))
    return _o2ring_reply(head + len(samples).to_bytes(2, "little") + samples)


def pc60fw_frames(physiology: Physiology, moment: Moment) -> bytes:
    """Five samples, and with every tenth time the numbers."""
    wave = bytes(round(pulse_wave(moment.phase + each / 60) * 127) for each in range(5))
    frames = _pc60fw_frame(b"\x02" + wave)
    if moment.number % 10 == 0:
        found = physiology.finger_on
        spo2, pulse = (physiology.spo2_pct, physiology.pulse_bpm) if found else (0, 0)
        perfusion = round(physiology.pai_pct * 10) if found else 0
        frames += _pc60fw_frame(bytes((1, spo2, pulse, 0, perfusion, 0, 0)))
    return frames


def _o2ring_numbers(physiology: Physiology) -> bytes:
    if not physiology.finger_on:
        return b"\xff\xff\xff"
    return bytes((physiology.spo2_pct,)) + physiology.pulse_bpm.to_bytes(2, "little")


def _o2ring_reply(payload: bytes) -> bytes:
    body = b"\x55\x00\xff\x00\x00" + len(payload).to_bytes(2, "little") + payload
    return body + bytes((crc8(body),))


def _pc60fw_frame(content: bytes) -> bytes:
    body = b"\xaa\x55\x0f" + bytes((len(content) + 1,)) + content
    return body + bytes((crc8_maxim(body),))
