"""The Bluetooth SIG's heart rate, thermometer, blood pressure, weight and battery characteristics."""

from koffert_drivers.measurement import (
    Damaged,
    ErrorReason,
    Flag,
    Measurement,
    flags_set,
    judged,
    rate,
)
from koffert_drivers.parsers.fields import Fields

# The conventional millimetre of mercury, in kilopascals.
_KPA_PER_MMHG = 0.133322387415
# The international avoirdupois pound.
_KG_PER_LB = 0.45359237
# Weight Scale Service: the weighing did not succeed.
_WEIGHT_MISSING = 0xFFFF
# Conversions leave noise behind the sixth decimal, far below any device's resolution.
_DECIMALS = 6

_PRESSURE_STATUS = {
    0: Flag.MOVEMENT,
    1: Flag.CUFF_LOOSE,
    2: Flag.IRREGULAR_PULSE,
    3: Flag.PULSE_ABOVE_RANGE,
    4: Flag.PULSE_BELOW_RANGE,
    5: Flag.POSITION,
}


def decode_heart_rate(data: bytes) -> Measurement:
    """A value of 0x2A37: the rate, and the intervals between beats."""
    fields = Fields(data)
    present = fields.unsigned(1)
    beats = fields.unsigned(2 if present & 0x01 else 1)
    if present & 0x08:
        fields.take(2)  # energy
    intervals = range(fields.rest() // 2 if present & 0x10 else 0)
    contact = bool(present & 0x02) if present & 0x04 else None
    return judged(
        Measurement(
            pulse_bpm=rate(beats, missing=None),
            interval_ms=tuple(fields.unsigned(2) * 1000 / 1024 for _ in intervals),
            flags=(Flag.NO_CONTACT,) if contact is False else (),
        )
    )


def decode_temperature(data: bytes) -> Measurement:
    """A value of 0x2A1C."""
    fields = Fields(data)
    present = fields.unsigned(1)
    value = fields.float32()
    if value is not None and present & 0x01:
        value = round((value - 32) * 5 / 9, _DECIMALS)
    time = fields.time() if present & 0x02 else None
    return judged(Measurement(temperature_c=value, measured_at=time))


def decode_blood_pressure(data: bytes) -> Measurement:
    """A value of 0x2A35."""
    fields = Fields(data)
    present = fields.unsigned(1)
    systolic, diastolic, mean = (_mmhg(fields.sfloat(), present) for _ in range(3))
    time = fields.time() if present & 0x02 else None
    pulse = fields.sfloat() if present & 0x04 else None
    if present & 0x08:
        fields.take(1)  # which of the meter's users; a loan has one
    status = fields.unsigned(2) if present & 0x10 else 0
    return judged(
        Measurement(
            systolic_mmhg=systolic,
            diastolic_mmhg=diastolic,
            map_mmhg=mean,
            pulse_bpm=None if pulse is None else rate(pulse, missing=None),
            measured_at=time,
            flags=flags_set(status, _PRESSURE_STATUS),
        )
    )


def decode_weight(data: bytes) -> Measurement:
    """A value of 0x2A9D."""
    fields = Fields(data)
    present = fields.unsigned(1)
    raw = fields.unsigned(2)
    time = fields.time() if present & 0x02 else None
    kilograms = round(raw / 100 * _KG_PER_LB, _DECIMALS) if present & 0x01 else raw * 5 / 1000
    unsuccessful = raw == _WEIGHT_MISSING
    return judged(
        Measurement(
            weight_kg=kilograms,
            measured_at=time,
            flags=(Flag.UNAVAILABLE,) if unsuccessful else (),
        )
    )


def decode_battery(data: bytes) -> Measurement:
    """A value of 0x2A19; quality is 0, for it holds nothing of the patient."""
    percent = Fields(data).unsigned(1)
    if percent > 100:
        raise Damaged(ErrorReason.CONTENT, f"a battery at {percent} %")
    return Measurement(battery_pct=percent)


def _mmhg(value: float | None, present: int) -> float | None:
    if value is None or not present & 0x01:
        return value
    return round(value / _KPA_PER_MMHG, _DECIMALS)
