"""Runs inside the virtual suitcase: a radio that the kernel's own Bluetooth speaks with, and a Nonin 3230 on the air.

The kernel gets a controller through /dev/vhci; a second controller on the same simulated air is the meter's.
The meter bonds, keeps its keys over a power cut, and speaks once a second while somebody listens. While the file
FINGER_OUT exists it has been put away: it neither advertises nor speaks.
"""

import asyncio
import logging
import sys
from contextlib import suppress
from pathlib import Path

from bumble import hci
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import Characteristic, Service
from bumble.hci import Address
from bumble.link import LocalLink
from bumble.pairing import PairingConfig
from bumble.transport import open_transport
from bumble.transport.common import Transport

from koffert_drivers.simulated.nonin import ble_continuous
from koffert_drivers.simulated.physiology import Physiology
from koffert_drivers.simulated.speaker import Moment

ADDRESS = "C0:1C:05:00:00:01"
NAME = "Nonin3230_500000001"
SERVICE = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"
CONTINUOUS = "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
CONTROL = "1447af80-0d60-11e2-88b6-0002a5d5c51b"
BATTERY, BATTERY_LEVEL = UUID.from_16_bits(0x180F), UUID.from_16_bits(0x2A19)
INFORMATION, SERIAL = UUID.from_16_bits(0x180A), UUID.from_16_bits(0x2A25)
KEYS = Path("/data/meter-keys.json")
FINGER_OUT = Path("/run/koffert-test-put-away")
SECOND_S = 1.0


def advertised() -> bytes:
    """What the 3230 says of itself; its name goes in the scan response."""
    parts = [
        (AdvertisingData.FLAGS, bytes([6])),
        (AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, bytes(UUID(SERVICE))),
    ]
    return bytes(AdvertisingData(parts))


def make_meter(link: LocalLink) -> tuple[Device, Characteristic]:
    """The meter with its own controller, and the characteristic that it speaks on."""
    controller = Controller("meter", link=link)
    configuration = DeviceConfiguration(
        name=NAME,
        address=Address(ADDRESS),
        advertising_interval_min=100,
        advertising_interval_max=100,
        keystore=f"JsonKeyStore:{KEYS}",
    )
    transport = Transport(controller, controller)
    meter = Device.from_config_with_hci(configuration, transport.source, transport.sink)
    # Just works, with a bond: the 3230 has neither keys nor digits.
    meter.pairing_config_factory = lambda _: PairingConfig(sc=True, mitm=False, bonding=True)
    protected = Characteristic.Permissions.READABLE | Characteristic.Permissions.WRITEABLE
    values = Characteristic(
        CONTINUOUS, Characteristic.Properties.NOTIFY, Characteristic.READABLE, b""
    )
    control = Characteristic(CONTROL, Characteristic.Properties.WRITE, protected, b"")
    level = Characteristic(
        BATTERY_LEVEL, Characteristic.Properties.READ, Characteristic.READABLE, b"\x50"
    )
    serial = Characteristic(
        SERIAL, Characteristic.Properties.READ, Characteristic.READABLE, b"500000001"
    )
    meter.add_service(Service(UUID(SERVICE), [values, control]))
    meter.add_service(Service(BATTERY, [level]))
    meter.add_service(Service(INFORMATION, [serial]))
    meter.advertising_data = advertised()
    meter.scan_response_data = bytes(
        AdvertisingData([(AdvertisingData.COMPLETE_LOCAL_NAME, NAME.encode())])
    )
    return meter, values


async def speak(meter: Device, values: Characteristic) -> None:
    """A value a second to whoever listens; away while the file says so."""
    number = 0
    while True:
        away = FINGER_OUT.exists()
        if away:
            for connection in list(meter.connections.values()):
                with suppress(Exception):
                    await connection.disconnect()
            await meter.stop_advertising()
        elif not meter.connections and not meter.is_advertising:
            await meter.start_advertising(auto_restart=False)
        moment = Moment(number, 0.0)
        physiology = Physiology(spo2_pct=91 + number % 5, pulse_bpm=70 + number % 7)
        if meter.connections:
            await meter.notify_subscribers(values, ble_continuous(physiology, moment))
        number += 1
        await asyncio.sleep(SECOND_S)


async def main() -> None:
    """Serve until killed."""
    transport = await open_transport("vhci")
    link = LocalLink()
    host = Controller("host", host_source=transport.source, host_sink=transport.sink, link=link)
    # With these the kernel waits for an event that bumble 0.0.236 does not send (google/bumble issue 841).
    host.le_features &= ~(hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING)
    meter, values = make_meter(link)
    await meter.power_on()
    print("the meter is on the air", flush=True)
    await speak(meter, values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(main())
