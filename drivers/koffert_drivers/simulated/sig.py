"""The values of meters that follow the Bluetooth SIG's services."""

from koffert_drivers.simulated.physiology import Physiology
from koffert_drivers.simulated.speaker import Moment

_NAN = b"\xff\x07"
_NOT_CONNECTED_TO_USER = (1 << 11).to_bytes(3, "little")
_ONGOING = (1 << 5).to_bytes(2, "little")
# 2026-11-21 08:30:00
_TIME = b"\xea\x07\x0b\x15\x08\x1e\x00"


def sfloat_tenths(value: float) -> bytes:
    """`value` as an SFLOAT of one decimal."""
    return (round(value * 10) & 0x0FFF | 0xF000).to_bytes(2, "little")


def plx_continuous(physiology: Physiology, _: Moment) -> bytes:
    """A value of 0x2A5F with both statuses."""
    return b"\x0c" + _oximetry(physiology) + _ONGOING + _sensor_status(physiology)


def plx_spot_check(physiology: Physiology, _: Moment) -> bytes:
    """A value of 0x2A5E with a time and the sensor's status."""
    return b"\x05" + _oximetry(physiology) + _TIME + _sensor_status(physiology)


def heart_rate(physiology: Physiology, _: Moment) -> bytes:
    """A value of 0x2A37 with contact and one interval."""
    interval = round(60 * 1024 / physiology.pulse_bpm).to_bytes(2, "little")
    contact = 0x06 if physiology.finger_on else 0x04
    return bytes((0x10 | contact, physiology.pulse_bpm)) + interval


def thermometer(_: Physiology, moment: Moment) -> bytes:
    """A value of 0x2A1C: 36.6 to 37.5 degrees Celsius."""
    tenths = 366 + moment.number % 10
    return b"\x02" + tenths.to_bytes(3, "little") + b"\xff" + _TIME


def blood_pressure(physiology: Physiology, _: Moment) -> bytes:
    """A value of 0x2A35: 128 over 76, mean 93 mmHg."""
    pressures = b"".join(value.to_bytes(2, "little") for value in (128, 76, 93))
    return b"\x06" + pressures + _TIME + physiology.pulse_bpm.to_bytes(2, "little")


def weight(_: Physiology, moment: Moment) -> bytes:
    """A value of 0x2A9D: about 72 kg."""
    return b"\x02" + (14_400 + moment.number % 10).to_bytes(2, "little") + _TIME


def battery(_: Physiology, moment: Moment) -> bytes:
    """A value of 0x2A19."""
    return bytes((100 - moment.number % 100,))


def _oximetry(physiology: Physiology) -> bytes:
    if not physiology.finger_on:
        return _NAN * 2
    return sfloat_tenths(physiology.spo2_pct) + physiology.pulse_bpm.to_bytes(2, "little")


def _sensor_status(physiology: Physiology) -> bytes:
    return bytes(3) if physiology.finger_on else _NOT_CONNECTED_TO_USER
