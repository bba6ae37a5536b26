"""The devices that Koffert speaks with, all of them, in one place."""

from collections.abc import Callable

from koffert_drivers.device import DeviceRecord, Recognition, short_uuid
from koffert_drivers.records.ble_oximeters import BLE_OXIMETERS
from koffert_drivers.records.serial_oximeters import SERIAL_OXIMETERS
from koffert_drivers.records.sig_vitals import SIG_VITALS
from koffert_drivers.records.spirometers import SPIROMETERS

DEVICES: tuple[DeviceRecord, ...] = (
    *SERIAL_OXIMETERS,
    *BLE_OXIMETERS,
    *SPIROMETERS,
    *SIG_VITALS,
)


class UnknownDevice(LookupError):
    """The table has no such device."""


class AmbiguousDevice(LookupError):
    """Two rows of the table claim the same advertisement equally."""


def device(device_id: str) -> DeviceRecord:
    """The record of `device_id`; raises UnknownDevice."""
    for record in DEVICES:
        if record.id == device_id:
            return record
    raise UnknownDevice(f"no device is called {device_id!r}")


def recognise(
    name: str | None, address: str, services: tuple[str, ...] = ()
) -> DeviceRecord | None:
    """The record of what was heard on the air; None for a stranger, AmbiguousDevice for a quarrel.

    `address` is the public one; `services` are advertised UUIDs, short or long.
    """
    shown = (name or "").rstrip("\0")
    wanted = {short_uuid(service) for service in services}
    tests: tuple[Callable[[Recognition], bool], ...] = (
        lambda known: shown.startswith(known.names),
        lambda known: address.upper().startswith(known.ouis),
        lambda known: not wanted.isdisjoint(known.services),
    )
    for test in tests:
        found = [record for record in DEVICES if test(record.recognition)]
        if len(found) > 1:
            claims = ", ".join(record.id for record in found)
            raise AmbiguousDevice(f"{shown!r} could be any of {claims}")
        if found:
            return found[0]
    return None
