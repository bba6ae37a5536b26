"""What a meter has stored: its records through 0x2A52, and its clock through 0x1805."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from koffert_drivers.ble.errors import BleError, BleReason
from koffert_drivers.ble.link import BleLink, Chunk
from koffert_drivers.device import Stream
from koffert_drivers.measurement import Damaged
from koffert_drivers.parser import PacketParser
from koffert_drivers.parsers import plx, racp
from koffert_drivers.parsers.device_information import decode_current_time, encode_current_time

SPOT_CHECK = "2a5e"  # where records come
_FEATURES, _ACCESS_POINT = "2a60", "2a52"
_CURRENT_TIME = "2a2b"
# A meter that reports goes on without a pause; the time is the profile's own limit for the procedure.
_ANSWER_WITHIN_S = 30.0
# More than any such meter stores; whatever sends more is broken, and would fill the memory.
_MOST_RECORDS = 2000
_ACCESS = Stream(_ACCESS_POINT, lambda: PacketParser(plx.decode_spot_check), whole_values=True)


class Stored(Struct, frozen=True):
    """The values of 0x2A5E that a meter reported, oldest or not; `empty` when it has none."""

    values: tuple[bytes, ...]

    @property
    def empty(self) -> bool:
        return not self.values


class RecordAccess:
    """A meter's access point; `others` gets what comes on other streams meanwhile."""

    def __init__(self, link: BleLink, others: Callable[[Chunk], None]) -> None:
        self._link = link
        self._others = others

    async def report_all(self) -> Stored:
        """All records; the meter keeps them. Raises BleError."""
        values: list[bytes] = []
        answer = await self._ask(racp.REPORT_ALL, values)
        if isinstance(answer, racp.Answer) and answer.code == racp.Code.NO_RECORDS:
            return Stored(())
        _expect(answer, racp.Request.REPORT)
        return Stored(tuple(values))

    async def delete_all(self) -> None:
        """Erase all records, and see that none is left. Raises BleError."""
        answer = await self._ask(racp.DELETE_ALL)
        if not (isinstance(answer, racp.Answer) and answer.code == racp.Code.NO_RECORDS):
            _expect(answer, racp.Request.DELETE)
        left = await self._ask(racp.COUNT_ALL)
        if isinstance(left, racp.Count) and left.records:
            raise BleError(BleReason.OTHER_DEVICE, f"{left.records} records are left")

    async def _ask(
        self, request: bytes, values: list[bytes] | None = None
    ) -> racp.Count | racp.Answer:
        await self._link.write_value(_ACCESS_POINT, request)
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                return await self._answer(values)
        except TimeoutError as error:
            raise BleError(BleReason.LOST, "the access point does not answer") from error

    async def _answer(self, values: list[bytes] | None) -> racp.Count | racp.Answer:
        while True:
            chunk = await self._link.read()
            if chunk.stream is _ACCESS:
                try:
                    return racp.decode(chunk.data)
                except Damaged as error:
                    raise BleError(BleReason.OTHER_DEVICE, error.detail) from error
            if values is None or chunk.stream.name != SPOT_CHECK:
                self._others(chunk)
            elif len(values) >= _MOST_RECORDS:
                await self._link.write_value(_ACCESS_POINT, racp.ABORT)
                raise BleError(BleReason.OTHER_DEVICE, f"over {_MOST_RECORDS} records")
            else:
                values.append(chunk.data)


async def open_records(link: BleLink, others: Callable[[Chunk], None]) -> RecordAccess | None:
    """The access point of a meter that stores spot checks; None when it has none. Raises BleError."""
    features = await link.read_value(_FEATURES)
    try:
        stores = features is not None and plx.decode_features(features).stores_spot_checks
    except Damaged:
        stores = False
    if not stores or not await link.subscribe(_ACCESS):
        return None
    return RecordAccess(link, others)


async def read_clock(link: BleLink) -> datetime | None:
    """What the meter's clock shows, in no zone; None when it has none or does not know. Raises BleError."""
    value = await link.read_value(_CURRENT_TIME)
    return None if value is None else decode_current_time(value)


async def set_clock(link: BleLink, now: datetime) -> None:
    """Set the meter's clock; raises BleError, also when it does not take it."""
    await link.write_value(_CURRENT_TIME, encode_current_time(now))


def _expect(answer: racp.Count | racp.Answer, request: racp.Request) -> None:
    if answer != racp.Answer(request, racp.Code.SUCCESS):
        raise BleError(BleReason.OTHER_DEVICE, f"{request.name.lower()} was answered by {answer}")
