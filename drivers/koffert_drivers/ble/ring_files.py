"""The files of a Viatom O2Ring: asked for one reply at a time, while nothing else is asked of it."""

import asyncio
from datetime import datetime

from koffert_drivers.ble.errors import BleError, BleReason
from koffert_drivers.ble.link import BleLink
from koffert_drivers.measurement import Damaged
from koffert_drivers.parser import Take
from koffert_drivers.parsers import viatom_files
from koffert_drivers.parsers.viatom_o2ring import ViatomO2Ring, payload_of

# A block takes a fraction of a second; a ring that does not answer has gone to sleep.
_ANSWER_WITHIN_S = 5.0
# A night of ten hours at 2 s is 90 kB; more than this is no file of a ring.
_MOST_BYTES = 512 * 1024


class RingFiles:
    """A ring's memory over an open link. Each call raises BleError."""

    def __init__(self, link: BleLink) -> None:
        self._link = link
        self._buffer = bytearray()

    async def info(self) -> viatom_files.RingInfo:
        """What its clock shows, and which files it has."""
        try:
            return viatom_files.decode_info(await self._ask(viatom_files.READ_INFO))
        except Damaged as error:
            raise BleError(BleReason.OTHER_DEVICE, error.detail) from error

    async def set_clock(self, now: datetime) -> None:
        """Set its clock."""
        await self._ask(viatom_files.set_time(now))

    async def read(self, name: str) -> bytes:
        """A whole file."""
        size = int.from_bytes(await self._ask(viatom_files.open_file(name)), "little")
        if size > _MOST_BYTES:
            raise BleError(BleReason.OTHER_DEVICE, f"a file of {size} bytes")
        content = b""
        block = 0
        while len(content) < size:
            part = await self._ask(viatom_files.read_block(block))
            if not part:
                raise BleError(BleReason.OTHER_DEVICE, "a file ends before its size")
            content += part
            block += 1
        await self._ask(viatom_files.CLOSE_FILE)
        return content[:size]

    async def _ask(self, request: bytes) -> bytes:
        self._buffer.clear()
        await self._link.write(request)
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                reply = await self._reply()
        except TimeoutError as error:
            raise BleError(BleReason.LOST, "the ring does not answer") from error
        payload = payload_of(reply)
        if payload is None:
            raise BleError(BleReason.OTHER_DEVICE, "the ring refuses a request")
        return payload

    async def _reply(self) -> bytes:
        frames = ViatomO2Ring()
        while True:
            while self._buffer:
                cut = frames.cut(self._buffer, 0, final=False)
                if cut is None:
                    break
                piece = bytes(self._buffer[: cut.size])
                del self._buffer[: cut.size]
                if isinstance(cut, Take):
                    return piece
            self._buffer += (await self._link.read()).data
