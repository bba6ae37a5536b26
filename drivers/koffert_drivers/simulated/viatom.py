"""The voices of the Viatom oximeters."""

import json
import struct
from collections.abc import Sequence
from datetime import datetime, timedelta

from koffert_drivers.parsers.checksums import crc8, crc8_maxim
from koffert_drivers.simulated.physiology import Physiology, pulse_wave
from koffert_drivers.simulated.speaker import Moment, Speaker, UnpromptedSpeaker

_LIVE_SAMPLES = 250  # two seconds at 125 Hz
# Head and CRC of a request.
_REQUEST_AROUND = 8
_BLOCK_BYTES = 512
_CLOCK = "%Y-%m-%d,%H:%M:%S"
_SHOWN = datetime(2026, 1, 1, 8, 0)  # noqa: DTZ001 - its clock has no zone


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


class O2RingSpeaker(Speaker):
    """The ring: it answers each request, and keeps `files`. Its clock goes on from `shown` at the first request."""

    rate_hz = 10.0

    def __init__(self, files: dict[str, bytes] | None = None, shown: datetime = _SHOWN) -> None:
        self.mute = False  # answers no question about itself
        self.files = {} if files is None else files
        self.shown = shown
        self._shown_at_s: float | None = None
        self._open = b""
        self._heard = b""
        self._live_asked = False
        self._numbers = UnpromptedSpeaker(1.0, o2ring_live)

    def hear(self, data: bytes, now_s: float) -> bytes:
        """See Speaker. A request comes in pieces of 20 bytes."""
        if self._shown_at_s is None:
            self._shown_at_s = now_s
        # A request that a lost link cut short ends where the next begins.
        begins = data[:1] == b"\xaa" and data[1:2] == bytes(255 - byte for byte in data[2:3])
        self._heard = data if begins else self._heard + data
        said = b""
        while len(self._heard) >= _REQUEST_AROUND:
            size = _REQUEST_AROUND + int.from_bytes(self._heard[5:7], "little")
            if len(self._heard) < size:
                break
            request, self._heard = self._heard[:size], self._heard[size:]
            said += self._answer(request, self.shown_at(now_s), now_s)
        return said

    def frame(self, physiology: Physiology, now_s: float) -> bytes:
        """See Speaker."""
        if not self._live_asked:
            return b""
        self._live_asked = False
        return self._numbers.frame(physiology, now_s)

    def show(self, time: datetime) -> None:
        """Set its clock, which goes on at the next request."""
        self.shown, self._shown_at_s = time, None

    def shown_at(self, now_s: float) -> datetime:
        """What its clock shows."""
        return self.shown + timedelta(seconds=now_s - (self._shown_at_s or now_s))

    def _answer(self, request: bytes, shown: datetime, now_s: float) -> bytes:
        content = request[7:-1]
        match request[1]:
            case 0x1B:
                self._live_asked = True
                return b""
            case 0x14 if not self.mute:
                info = {"CurTIME": f"{shown:{_CLOCK}}", "FileList": ",".join(self.files)}
                return _o2ring_reply(json.dumps(info).encode() + b"\0" * 20)
            case 0x16:
                self.shown = datetime.strptime(json.loads(content)["SetTIME"], _CLOCK)  # noqa: DTZ007 - no zone
                self._shown_at_s = now_s
                return _o2ring_reply(b"")
            case 0x03:
                self._open = self.files.get(content.rstrip(b"\0").decode(), b"")
                return _o2ring_reply(len(self._open).to_bytes(4, "little"))
            case 0x04:
                start = int.from_bytes(request[3:5], "little") * _BLOCK_BYTES
                return _o2ring_reply(self._open[start : start + _BLOCK_BYTES])
            case _:
                return _o2ring_reply(b"", status=1 if self.mute else 0)


def o2ring_file(started: datetime, spo2_pct: Sequence[int], interval_s: int = 4) -> bytes:
    """A stored file with these saturations; 255 is what the ring writes for none."""
    clock = struct.pack("<H5B", started.year, *started.timetuple()[1:6])
    size = 40 + 5 * len(spo2_pct)
    head = struct.pack("<H", 3) + clock + struct.pack("<IH", size, interval_s * len(spo2_pct))
    records = (bytes((one, 70, 255 if one > 100 else 0, 3, 0)) for one in spo2_pct)
    return head.ljust(40, b"\0") + b"".join(records)


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


def _o2ring_reply(payload: bytes, status: int = 0) -> bytes:
    head = bytes((0x55, status, 255 - status, 0, 0))
    body = head + len(payload).to_bytes(2, "little") + payload
    return body + bytes((crc8(body),))


def _pc60fw_frame(content: bytes) -> bytes:
    body = b"\xaa\x55\x0f" + bytes((len(content) + 1,)) + content
    return body + bytes((crc8_maxim(body),))
