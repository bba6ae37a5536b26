"""One stream's measurements become messages: numbers at 1 Hz, waveforms in blocks of a second. Pure."""

import hashlib
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from koffert_agent.clock import NS_PER_S
from koffert_drivers.device import DeviceRecord, Kind, Stream, Waveform
from koffert_drivers.measurement import NUMBERS, Flag, Measurement
from koffert_wire.messages import (
    FLOW,
    PPG,
    Instant,
    Message,
    Mode,
    Quarantined,
    Reading,
    SensorLink,
    SensorState,
    WaveformBlock,
)
from koffert_wire.quantities import QUANTITIES
from koffert_wire.samples import pack_samples

# Numbers go out once a second (docs/explanation/box.md); a meter that sends once a second itself does so a
# little early or late, and must not lose every other value to that.
PERIOD_NS = NS_PER_S
_EARLY_NS = NS_PER_S // 4
# A value that comes or goes is told at once, yet a finger that trembles on the clip must not make a flood.
_CHANGE_GAP_NS = NS_PER_S // 10
# A block of each kind of samples. Flow is for the eye of somebody who blows, and never leaves the box as it comes.
_NAMES = {Waveform.PPG: PPG, Waveform.FLOW: FLOW}
_BLOCK_S = {Waveform.PPG: 1.0, Waveform.FLOW: 0.1}
# Samples that come after a longer silence than this do not continue the block before it.
_SAMPLE_GAP_NS = NS_PER_S // 2

_EXPECTED_CODES: dict[Kind, tuple[str, ...]] = {
    Kind.SPO2: ("spo2_pct",),
    Kind.PULSE: ("pulse_bpm",),
    Kind.SPIROMETRY: ("fev1_l",),
    Kind.BLOOD_PRESSURE: ("systolic_mmhg", "diastolic_mmhg"),
    Kind.TEMPERATURE: ("temperature_c",),
    Kind.WEIGHT: ("weight_kg",),
}
_CODES = tuple(
    quantity.code for quantity in QUANTITIES if quantity.code in Measurement.__struct_fields__
)
# A battery's level is told again once it has moved this far: meters flicker between two levels.
_BATTERY_STEP_PCT = 5.0
_ID_BYTES = 16


class Channel:
    """Everything between one stream's parser and the outbox; the first stream when none is given.

    `serial` tells two meters of one model apart.
    """

    def __init__(
        self,
        record: DeviceRecord,
        new_id: Callable[[], bytes],
        *,
        stream: Stream | None = None,
        serial: str | None = None,
    ) -> None:
        stream = stream or record.streams[0]
        self._sensor = record.id
        self._serial = serial
        self._new_id = new_id
        self._mode = Mode.SPOT if stream.spot else Mode.CONTINUOUS
        self._expected = [code for kind in record.kinds for code in _EXPECTED_CODES.get(kind, ())]
        self._pace = _Pace()
        self._battery_pct: float | None = None
        self._waveform = _WaveformBlocks(record.id, serial, stream, new_id)

    def take(self, measurement: Measurement, at: Instant) -> list[Message]:
        """The messages that one measurement completes."""
        messages = self._battery(measurement.battery_pct, at)
        if measurement.speaks_of_numbers:
            values = self.values(measurement)
            missing = frozenset(code for code, value in values.items() if value is None)
            if self._mode is Mode.SPOT or self._pace.is_due(missing, at.boottime_ns):
                messages.append(self._reading(measurement, values, at))
        samples = () if measurement.finger is False else measurement.waveform
        return messages + self._waveform.take(samples, at)

    def recall(self, measurement: Measurement, taken: Instant) -> list[Message]:
        """The reading of a record from the meter's memory that was taken at `taken`."""
        if not measurement.speaks_of_numbers:
            return []
        stored = (
            measurement.flags
            if Flag.FROM_STORAGE in measurement.flags
            else (*measurement.flags, Flag.FROM_STORAGE)
        )
        recalled = replace(measurement, flags=stored)
        return [self._reading(recalled, self.values(recalled), taken)]

    def quarantine(self, measurement: Measurement, at: Instant, reason: str) -> Quarantined:
        """A record that nobody can say whose it is; `at` is when it was fetched."""
        taken = measurement.measured_at
        return Quarantined(
            id=self.identity(measurement),
            at=at,
            sensor=self._sensor,
            sensor_serial=self._serial,
            values=self.values(measurement),
            flags=tuple(flag.value for flag in measurement.flags),
            device_time=None if taken is None else taken.isoformat(),
            reason=reason,
        )

    def link_changed(self, link: SensorLink, at: Instant) -> list[Message]:
        """The messages of a link that came or went; what was half collected goes out."""
        self._pace = _Pace()
        return [*self._waveform.flush(), self._state(link, at)]

    def flush(self) -> list[Message]:
        """What was half collected, when the link is another channel's to report."""
        self._pace = _Pace()
        return self._waveform.flush()

    def identity(self, measurement: Measurement) -> bytes:
        """The reading's id. A record that bears its time has the same one however often it is sent."""
        again = self._mode is Mode.SPOT or Flag.FROM_STORAGE in measurement.flags
        if not again or measurement.measured_at is None:
            return self._new_id()
        numbers = [getattr(measurement, name) for name in NUMBERS]
        whole = [self._sensor, self._serial, measurement.measured_at.isoformat(), numbers]
        return hashlib.sha256(msgspec.msgpack.encode(whole)).digest()[:_ID_BYTES]

    def values(self, measurement: Measurement) -> dict[str, float | None]:
        """The quality gate: a measurement of quality 0 holds no value, whatever stands in it."""
        values: dict[str, float | None] = dict.fromkeys(self._expected)
        if measurement.quality > 0:
            present = ((code, getattr(measurement, code)) for code in _CODES)
            values |= {code: value for code, value in present if value is not None}
        return values

    def _reading(
        self, measurement: Measurement, values: dict[str, float | None], at: Instant
    ) -> Reading:
        flags: tuple[Flag, ...] = measurement.flags
        if measurement.finger is False and Flag.NO_FINGER not in flags:
            flags = (*flags, Flag.NO_FINGER)
        return Reading(
            id=self.identity(measurement),
            at=at,
            sensor=self._sensor,
            sensor_serial=self._serial,
            mode=self._mode,
            values=values,
            quality=measurement.quality,
            flags=tuple(flag.value for flag in flags),
        )

    def _battery(self, level_pct: float | None, at: Instant) -> list[Message]:
        known_pct = self._battery_pct
        if level_pct is None or (
            known_pct is not None and abs(level_pct - known_pct) < _BATTERY_STEP_PCT
        ):
            return []
        self._battery_pct = level_pct
        return [self._state(SensorLink.CONNECTED, at)]

    def _state(self, link: SensorLink, at: Instant) -> SensorState:
        return SensorState(at, self._sensor, self._serial, link, self._battery_pct)


class _Pace:
    """Lets one measurement a second through, and any that brings or takes away a value."""

    def __init__(self) -> None:
        self._due_ns = 0
        self._last_ns: int | None = None
        self._missing: frozenset[str] = frozenset()

    def is_due(self, missing: frozenset[str], now_ns: int) -> bool:
        if self._last_ns is not None:
            changed = missing != self._missing and now_ns - self._last_ns >= _CHANGE_GAP_NS
            if not changed and now_ns < self._due_ns - _EARLY_NS:
                return False
        # The next one is due a second after this one was, unless the meter has fallen behind.
        self._due_ns = max(self._due_ns, now_ns - _EARLY_NS) + PERIOD_NS
        self._last_ns = now_ns
        self._missing = missing
        return True


class _WaveformBlocks:
    """Gathers samples into blocks: a second of pulse, a tenth of one of flow."""

    def __init__(
        self, sensor: str, serial: str | None, stream: Stream, new_id: Callable[[], bytes]
    ) -> None:
        self._sensor = sensor
        self._serial = serial
        self._waveform = stream.waveform
        self._rate_hz = stream.waveform_rate_hz or 0.0
        self._most = self._rate_hz * _BLOCK_S[stream.waveform]
        self._new_id = new_id
        self._samples: list[int] = []
        self._first: Instant | None = None
        self._last_ns = 0

    def take(self, samples: Sequence[int], at: Instant) -> list[Message]:
        """The block that these samples complete, and the one that a silence ended."""
        if not samples or not self._rate_hz:
            return []
        blocks = self.flush() if at.boottime_ns - self._last_ns > _SAMPLE_GAP_NS else []
        self._last_ns = at.boottime_ns
        self._first = self._first or self._start_of(len(samples), at)
        self._samples += samples
        return blocks + (self.flush() if len(self._samples) >= self._most else [])

    def flush(self) -> list[Message]:
        """What has been gathered so far, as a block."""
        if self._first is None:
            return []
        codec, samples = pack_samples(self._samples)
        block = WaveformBlock(
            id=self._new_id(),
            at=self._first,
            sensor=self._sensor,
            sensor_serial=self._serial,
            waveform=_NAMES[self._waveform],
            rate_hz=self._rate_hz,
            count=len(self._samples),
            codec=codec,
            samples=samples,
        )
        self._samples, self._first = [], None
        return [block]

    def _start_of(self, count: int, at: Instant) -> Instant:
        """When the first of `count` samples was taken, the last of which has just arrived."""
        age_ns = round((count - 1) / self._rate_hz * NS_PER_S)
        return Instant(at.boottime_ns - age_ns, at.wall_ns - age_ns, at.wall_trusted)
