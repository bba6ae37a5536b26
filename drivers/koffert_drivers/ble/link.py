"""One connection to one meter, through unmodified bleak."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError

from koffert_drivers.ble.errors import BleError, BleReason, typed
from koffert_drivers.device import BleProfile, DeviceRecord, Stream, short_uuid
from koffert_drivers.parsers.device_information import decode_device_information

# A meter that advertises answers within a second or two; one that a phone holds never does.
CONNECT_TIMEOUT_S = 10.0
# What waits for its reader: ten seconds of the fastest meter (BerryMed, 100 frames a second).
_WAITING_LIMIT = 1024
# An attribute value that needs no longer MTU than every device has (23 bytes, 3 of them ATT's own).
_WRITE_BYTES = 20
_SIG_BASE = "-0000-1000-8000-00805f9b34fb"
_SERIAL_NUMBER = "2a25"
# What a characteristic must be able to do for a subscription.
_TELLING = {"notify", "indicate"}
# The battery level tells nothing of what kind of device it is.
_EVERYBODYS = {"2a19"}


class Chunk(NamedTuple):
    """What one notification or indication brought, and on which stream."""

    stream: Stream
    data: bytes


class BleLink:
    """An open connection, used once and by one reader at a time; `open_ble` makes it."""

    def __init__(self, profile: BleProfile, client: BleakClient) -> None:
        self.streams: list[Stream] = []
        self._profile = profile
        self._client = client
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue(_WAITING_LIMIT)
        self._gone: str | None = None

    async def read(self) -> Chunk:
        """The next chunk; raises BleError(LOST) once the meter is gone and all it sent has been read."""
        chunk = None if self._gone and self._chunks.empty() else await self._chunks.get()
        if chunk is None:
            raise BleError(BleReason.LOST, self._gone or "disconnected")
        return chunk

    async def write(self, data: bytes) -> None:
        """Say `data` to the meter, in pieces that every link carries; raises BleError."""
        uuid = self._profile.write_characteristic
        characteristic = self._find(uuid) if uuid else None
        if characteristic is None:
            raise BleError(BleReason.OTHER_DEVICE, "nothing to write to")
        response = "write" in characteristic.properties
        for start in range(0, len(data), _WRITE_BYTES):
            with typed():
                await self._client.write_gatt_char(
                    characteristic, data[start : start + _WRITE_BYTES], response=response
                )

    async def write_value(self, uuid: str, value: bytes) -> None:
        """Set the characteristic `uuid`, with the meter's confirmation; raises BleError."""
        with typed():
            await self._client.write_gatt_char(_full(uuid), value, response=True)

    async def read_value(self, uuid: str) -> bytes | None:
        """The value of the characteristic `uuid`; None when the meter has no such, or does not tell."""
        characteristic = self._find(uuid)
        if characteristic is None or "read" not in characteristic.properties:
            return None
        with typed():
            return bytes(await self._client.read_gatt_char(characteristic))

    async def subscribe(self, stream: Stream) -> bool:
        """Take what comes on `stream` from now on; False when the meter has no such. Raises BleError.

        A characteristic that can only be read (a battery level need not be told of) is none to BlueZ.
        """
        characteristic = self._find(stream.characteristic or stream.name)
        if characteristic is None or not _TELLING & set(characteristic.properties):
            return False

        def take(_: BleakGATTCharacteristic, data: bytearray) -> None:
            self._take(Chunk(stream, bytes(data)))

        with typed():
            await self._client.start_notify(characteristic, take)
        self.streams.append(stream)
        return True

    def fail(self, why: str) -> None:
        """Let the reader know that there is nothing more to come."""
        if self._gone is None:
            self._gone = why
            self._take(None)

    def _take(self, chunk: Chunk | None) -> None:
        try:
            self._chunks.put_nowait(chunk)
        except asyncio.QueueFull:  # the reader is stuck; what it has not read, it gets
            self._gone = self._gone or "more came than was read"

    def _find(self, uuid: str) -> BleakGATTCharacteristic | None:
        with typed():
            return self._client.services.get_characteristic(_full(uuid))


@asynccontextmanager
async def open_ble(record: DeviceRecord, handle: BLEDevice) -> AsyncIterator[BleLink]:
    """A connection to a meter that has been heard, bonded where its record says so, and subscribed.

    Takes the record's `streams` that the meter has, one for each characteristic; raises BleError.
    """
    if record.ble is None:
        raise BleError(BleReason.OTHER_DEVICE, f"{record.id} is no Bluetooth device")

    def gone(_: BleakClient) -> None:
        link.fail("disconnected")

    client = BleakClient(handle, gone, pair=record.ble.needs_bond, timeout=CONNECT_TIMEOUT_S)
    link = BleLink(record.ble, client)
    try:
        with typed(BleReason.REFUSED):
            await client.connect()
        await _subscribe_all(link, record, client)
        yield link
    finally:
        await _leave(client)


async def read_serial_number(link: BleLink) -> str | None:
    """The number that the maker gave the meter; None when it does not tell."""
    value = await link.read_value(_SERIAL_NUMBER)
    return decode_device_information({_SERIAL_NUMBER: value or b""}).serial_number


async def forget(address: str) -> None:
    """Let BlueZ forget a device and its bond, connected or not; raises BleError(NOT_FOUND)."""
    with typed(BleReason.RADIO):
        await BleakClient(address).unpair()


async def _subscribe_all(link: BleLink, record: DeviceRecord, client: BleakClient) -> None:
    taken: set[str] = set()
    try:
        for stream in record.streams:
            uuid = stream.characteristic or stream.name
            if uuid not in taken and not stream.unheeded and await link.subscribe(stream):
                taken.add(uuid)
    except BleError as error:
        if error.reason is BleReason.BOND:
            await _forget_bond(client)
        raise
    if not taken - _EVERYBODYS:
        raise BleError(BleReason.OTHER_DEVICE, f"has nothing of {record.id}")


async def _forget_bond(client: BleakClient) -> None:
    """One side has lost the bond: ours goes too, so that the next connection makes a new one."""
    await _leave(client)  # bleak 3.1 fails an assertion when it disconnects after it unpaired
    with suppress(BleakError, OSError, EOFError, TimeoutError):
        await client.unpair()


async def _leave(client: BleakClient) -> None:
    """Disconnect, which alone frees the client's own connection to the bus, whoever hung up first."""
    with suppress(BleakError, OSError, EOFError, TimeoutError):
        await client.disconnect()


def _full(uuid: str) -> str:
    return f"0000{short_uuid(uuid)}{_SIG_BASE}" if len(short_uuid(uuid)) == 4 else uuid
