"""The devices that Koffert speaks with, all of them, in one place."""

from koffert_drivers.device import DeviceRecord
from koffert_drivers.records.serial_oximeters import SERIAL_OXIMETERS

DEVICES: tuple[DeviceRecord, ...] = (*SERIAL_OXIMETERS,)


class UnknownDevice(LookupError):
    """The table has no such device."""


def device(device_id: str) -> DeviceRecord:
    """The record of `device_id`; raises UnknownDevice."""
    for record in DEVICES:
        if record.id == device_id:
            return record
    raise UnknownDevice(f"no device is called {device_id!r}")
