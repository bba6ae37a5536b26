"""What is on the air: meters that Koffert knows, and strangers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from bleak import BleakAdapter, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from msgspec import Struct

from koffert_drivers.ble.errors import BleReason, typed
from koffert_drivers.device import DeviceRecord, Transport
from koffert_drivers.table import DEVICES, AmbiguousDevice, recognise

_UNKNOWN_RSSI_DBM = -127


class Advertisement(Struct, frozen=True):
    """A device that has just been heard. `record` is None for a stranger; `handle` is what connects to it."""

    address: str
    name: str | None
    rssi_dbm: int
    record: DeviceRecord | None
    handle: BLEDevice


@asynccontextmanager
async def scanning(
    on_heard: Callable[[Advertisement], None], adapter: str | None = None
) -> AsyncIterator[None]:
    """Listen while the block lasts, with the first adapter if none is named; raises BleError when it cannot.

    Each scan is a new one to BlueZ and its controller, which tell of a device once in each: whoever waits for
    a device that was here before has to begin anew now and then.
    """

    def heard(device: BLEDevice, data: AdvertisementData) -> None:
        on_heard(_advertisement(device, data))

    scanner = BleakScanner(heard, bluez={"adapter": adapter} if adapter else {})
    with typed(BleReason.RADIO):
        await scanner.start()
    try:
        yield
    finally:
        # A radio that went away meanwhile has stopped too; the next scan will say so.
        with suppress(BleakError, OSError, EOFError):
            await scanner.stop()


async def linked() -> list[Advertisement]:
    """Devices of the table that are connected already and thus do not advertise; raises BleError."""
    services = [record.ble.service for record in DEVICES if record.ble is not None]
    with typed(BleReason.RADIO):
        devices = await (await BleakAdapter.get()).get_connected_devices(services)
    return [
        Advertisement(
            address=device.address.upper(),
            name=device.name,
            rssi_dbm=_UNKNOWN_RSSI_DBM,
            record=None,
            handle=device,
        )
        for device in devices
    ]


def _advertisement(device: BLEDevice, data: AdvertisementData) -> Advertisement:
    name = data.local_name or device.name
    return Advertisement(
        address=device.address.upper(),
        name=name.rstrip("\0") if name else None,
        rssi_dbm=data.rssi,
        record=_record(name, device.address, tuple(data.service_uuids)),
        handle=device,
    )


def _record(name: str | None, address: str, services: tuple[str, ...]) -> DeviceRecord | None:
    """What the table says; a device that two rows claim is nobody's until a person says whose."""
    try:
        record = recognise(name, address, services)
    except AmbiguousDevice:
        return None
    return record if record is not None and record.transport is Transport.BLE else None
