"""The voices of devices that are the only ones of their maker."""

from datetime import UTC, datetime, timedelta

from koffert_drivers.parsers.checksums import exclusive_or
from koffert_drivers.parsers.flow_lines import RATE_HZ, flow_line
from koffert_drivers.parsers.vitalograph_lung_monitor import ACKNOWLEDGE
from koffert_drivers.simulated.physiology import Effort, Physiology, breath_l_s, pulse_wave
from koffert_drivers.simulated.speaker import Moment, Speaker, UnpromptedSpeaker


def berrymed_frame(physiology: Physiology, moment: Moment) -> bytes:
    """One frame of BerryMed's protocol."""
    if not physiology.finger_on:
        return bytes((0x80, 0, 0x50, 0x7F, 127))
    wave, pulse = pulse_wave(moment.phase), physiology.pulse_bpm
    bar = round(wave * 15) | pulse >> 7 << 6
    return bytes((0x86, round(wave * 100), bar, pulse & 0x7F, physiology.spo2_pct))


def jumper_frame(physiology: Physiology, _: Moment) -> bytes:
    """One notification of numbers."""
    if not physiology.finger_on:
        return b"\x81\xff\x7f\x00"
    perfusion = round(physiology.pai_pct * 10)
    return bytes((0x81, physiology.pulse_bpm, physiology.spo2_pct, perfusion))


def lung_monitor_frame(taken: datetime, moment: Moment) -> bytes:
    """A good blow of FEV1 1.45 L and FEV6 2.90 L; each one second after the last."""
    values = "145290050075000000095090000"
    clock = taken + timedelta(seconds=moment.number)
    text = f"FTD0000129406{values}{clock:%y%m%d%H%M%S}0923"
    body = b"\x02" + text.encode() + b"\x03"
    return body + bytes((exclusive_or(body),))


class LungMonitorSpeaker(UnpromptedSpeaker):
    """A Lung Monitor with one blow to tell, taken just now or at `taken`: it repeats it until it is acknowledged."""

    def __init__(self, taken: datetime | None = None) -> None:
        when = taken or datetime.now(UTC)
        super().__init__(1.0, lambda _, moment: lung_monitor_frame(when, moment))
        self._acknowledged = False

    def hear(self, data: bytes, now_s: float) -> bytes:  # noqa: ARG002
        """See Speaker."""
        self._acknowledged = self._acknowledged or ACKNOWLEDGE in data
        return b""

    def frame(self, physiology: Physiology, now_s: float) -> bytes:
        """See Speaker."""
        return b"" if self._acknowledged else super().frame(physiology, now_s)


class FlowSpeaker(Speaker):
    """A flow sensor that somebody blows into."""

    rate_hz = RATE_HZ

    def __init__(self) -> None:
        self._number = 0
        self._effort = Effort.REST
        self._began = 0

    def hear(self, data: bytes, now_s: float) -> bytes:  # noqa: ARG002
        """See Speaker."""
        return b""

    def frame(self, physiology: Physiology, now_s: float) -> bytes:  # noqa: ARG002
        """See Speaker."""
        if physiology.effort is not self._effort:
            self._effort, self._began = physiology.effort, self._number
        flow_l_s = breath_l_s(self._effort, (self._number - self._began) / RATE_HZ)
        line = flow_line(self._number, round(flow_l_s * 1000))
        self._number += 1
        return line
