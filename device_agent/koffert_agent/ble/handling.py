"""What a person does with the case's Bluetooth meters: look for them, pair, strike out, clear their memories."""

import asyncio
import contextlib
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from koffert_agent.ble.book import MeterBook, PairedMeter
from koffert_drivers.ble.bluez import open_bluez
from koffert_drivers.ble.errors import WORDS, BleError, BleReason
from koffert_drivers.ble.link import forget, open_ble, read_serial_number
from koffert_drivers.ble.scan import Advertisement, scanning
from koffert_drivers.ble.stored import open_records
from koffert_drivers.device import Memory, State
from koffert_drivers.table import device


class NoDriver(Exception):
    """The device was heard, and nothing says how to speak with it."""

    def __init__(self, name: str | None) -> None:
        super().__init__(f"no driver knows {name or 'this device'}")


class Found(Struct, frozen=True):
    """A device on the air; `driver` is None for one that no driver knows."""

    address: str
    name: str | None
    rssi_dbm: int
    driver: str | None
    paired: bool


class Clearance(StrEnum):
    """What became of a meter's memory."""

    CLEARED = "cleared"
    NO_MEMORY = "no-memory"  # nothing is known of a memory, or this one has none
    KEPT = "kept"  # it stores, and nothing public erases it
    FAILED = "failed"


# The meter may still hold what somebody measured.
UNCLEARED = frozenset({Clearance.FAILED, Clearance.KEPT})


class Cleared(Struct, frozen=True):
    """One meter after `clear`; `detail` says why it is as it is."""

    address: str
    driver: str
    clearance: Clearance
    detail: str = ""


async def scan(book: MeterBook, for_s: float) -> list[Found]:
    """All devices heard within `for_s`, the nearest first; raises BleError and UnreadableBook."""
    paired = {meter.address for meter in book.meters()}
    heard: dict[str, Advertisement] = {}
    async with scanning(lambda it: heard.update({it.address: it})):
        await asyncio.sleep(for_s)
    found = [
        Found(
            address=it.address,
            name=it.name,
            rssi_dbm=it.rssi_dbm,
            driver=it.record.id if it.record else None,
            paired=it.address in paired,
        )
        for it in heard.values()
    ]
    return sorted(found, key=lambda each: -each.rssi_dbm)


async def pair(
    book: MeterBook, address: str, *, driver: str | None, passkey: int | None, within_s: float
) -> PairedMeter:
    """Connect once, bond where the meter wants it, and enter it in the book.

    Raises BleError, NoDriver, UnreadableBook; UnknownDevice for a driver that does not exist.
    """
    asked = None if driver is None else device(driver)
    async with open_bluez(passkeys=lambda _: passkey):
        heard = await _hear(address, within_s)
        record = asked or heard.record
        if record is None:
            raise NoDriver(heard.name)
        async with open_ble(record, heard.handle) as link:
            serial = await read_serial_number(link)
    meter = PairedMeter(heard.address, record.id, heard.name, serial)
    book.add(meter)
    return meter


async def unpair(book: MeterBook, address: str) -> bool:
    """Strike the meter out and let BlueZ forget it; False when neither knew it.

    Raises UnreadableBook, and BleError when BlueZ cannot be asked about a meter that is not in the book.
    """
    known = book.remove(address)
    try:
        await forget(address)
    except BleError as error:
        if known or error.reason is BleReason.NOT_FOUND:
            return known
        raise
    return True


async def clear(
    book: MeterBook, within_s: float, progress: Callable[[Cleared], None]
) -> list[Cleared]:
    """Erase the memory of each paired meter, one after another; raises UnreadableBook."""
    results = []
    for meter in book.meters():
        result = await _clear(meter, within_s)
        progress(result)
        results.append(result)
    return results


async def _clear(meter: PairedMeter, within_s: float) -> Cleared:
    record = device(meter.driver)
    memory = None if record.ble is None else record.ble.memory
    if memory is not Memory.ACCESS_POINT:
        kept = memory is not None or record.quality_scale.memory.state is State.TODO
        clearance = Clearance.KEPT if kept else Clearance.NO_MEMORY
        return Cleared(meter.address, meter.driver, clearance, record.quality_scale.memory.why)
    try:
        heard = await _hear(meter.address, within_s)
        async with open_ble(record, heard.handle) as link:
            access = await open_records(link, lambda _: None)
            if access is None:
                return Cleared(meter.address, meter.driver, Clearance.NO_MEMORY)
            await access.delete_all()
    except BleError as error:
        return Cleared(meter.address, meter.driver, Clearance.FAILED, WORDS[error.reason])
    return Cleared(meter.address, meter.driver, Clearance.CLEARED)


async def _hear(address: str, within_s: float) -> Advertisement:
    """The next advertisement of that device; raises BleError(NOT_FOUND)."""
    first: asyncio.Future[Advertisement] = asyncio.get_running_loop().create_future()

    def hear(heard: Advertisement) -> None:
        if heard.address == address.upper() and not first.done():
            first.set_result(heard)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s), scanning(hear):
            return await first
    raise BleError(BleReason.NOT_FOUND, address)
