"""The Bluetooth SIG's Pulse Oximeter Service 1.0.1 (0x1822)."""

from msgspec import Struct
from msgspec.structs import replace

from koffert_drivers.measurement import (
    Flag,
    Measurement,
    flags_set,
    judged_oximetry,
    rate,
    saturation,
)
from koffert_drivers.parsers.fields import Fields

# Bits 5, 7 and 8 (ongoing, validated, fully qualified) tell of no doubt.
_MEASUREMENT_STATUS = {
    6: Flag.EARLY_ESTIMATE,
    9: Flag.FROM_STORAGE,
    10: Flag.DEMONSTRATION,
    11: Flag.TEST,
    12: Flag.CALIBRATING,
    13: Flag.UNAVAILABLE,
    14: Flag.QUESTIONABLE,
    15: Flag.INVALID,
}
_SENSOR_STATUS = {
    0: Flag.DISPLAY_EXTENDED,
    1: Flag.EQUIPMENT_MALFUNCTION,
    2: Flag.IRREGULAR_SIGNAL,
    3: Flag.WEAK_SIGNAL,  # inadequate
    4: Flag.WEAK_SIGNAL,  # poor
    5: Flag.LOW_PERFUSION,
    6: Flag.ERRATIC_SIGNAL,
    7: Flag.NON_PULSATILE,
    8: Flag.QUESTIONABLE_PULSE,
    9: Flag.ANALYSIS_ONGOING,
    10: Flag.INTERFERENCE,
    11: Flag.NO_FINGER,
    12: Flag.UNKNOWN_SENSOR,
    13: Flag.SENSOR_DISPLACED,
    14: Flag.SENSOR_MALFUNCTION,
    15: Flag.SENSOR_DISCONNECTED,
}
_AWAY = frozenset({Flag.NO_FINGER, Flag.SENSOR_DISPLACED, Flag.SENSOR_DISCONNECTED})


def decode_spot_check(data: bytes) -> Measurement:
    """A value of 0x2A5E. Without a set clock it has no time."""
    fields = Fields(data)
    present = fields.unsigned(1)
    spo2, pulse = fields.sfloat(), fields.sfloat()
    time = fields.time() if present & 0x01 else None
    if present & 0x10:  # the device says itself that its clock is not set
        time = None
    unset = present & 0x10 or (present & 0x01 and time is None)
    return _measurement(
        fields,
        present >> 1,
        Measurement(
            spo2_pct=spo2,
            pulse_bpm=pulse,
            measured_at=time,
            flags=(Flag.CLOCK_NOT_SET,) if unset else (),
        ),
    )


def decode_continuous(data: bytes) -> Measurement:
    """A value of 0x2A5F. The fast and slow averages are left out: the normal one is the one to follow."""
    fields = Fields(data)
    present = fields.unsigned(1)
    spo2, pulse = fields.sfloat(), fields.sfloat()
    for bit in (0, 1):
        if present >> bit & 1:
            fields.take(4)
    return _measurement(fields, present >> 2, Measurement(spo2_pct=spo2, pulse_bpm=pulse))


def _measurement(fields: Fields, present: int, begun: Measurement) -> Measurement:
    """Add what both characteristics end in: measurement status, sensor status, perfusion."""
    flags = begun.flags
    finger = None
    if present & 0b001:
        flags += flags_set(fields.unsigned(2), _MEASUREMENT_STATUS)
    if present & 0b010:
        sensor = flags_set(fields.unsigned(3), _SENSOR_STATUS)
        finger = _AWAY.isdisjoint(sensor)
        flags += sensor
    perfusion = (fields.sfloat() or 0) if present & 0b100 else 0
    return judged_oximetry(
        replace(
            begun,
            spo2_pct=None if begun.spo2_pct is None else saturation(begun.spo2_pct),
            pulse_bpm=None if begun.pulse_bpm is None else rate(begun.pulse_bpm, missing=None),
            pai_pct=perfusion if perfusion > 0 else None,
            finger=finger,
            flags=tuple(dict.fromkeys(flags)),
        )
    )


class Features(Struct, frozen=True):
    """What 0x2A60 says that the device can do."""

    stores_spot_checks: bool
    times_spot_checks: bool
    perfusion: bool
    multiple_bonds: bool


def decode_features(data: bytes) -> Features:
    """The value of 0x2A60; raises Damaged when it is too short."""
    bits = Fields(data).unsigned(2)
    return Features(bool(bits & 0x04), bool(bits & 0x08), bool(bits & 0x40), bool(bits & 0x80))
