"""The kiosk's end of a local socket: kept connected, and never in anybody's way."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from koffert_agent.kiosk.records import MOST_LINE_BYTES
from koffert_agent.local_socket import socket_address
from koffert_agent.video.records import MOST_LINE_BYTES as MOST_VIDEO_LINE_BYTES
from koffert_wire.errors import WireError

_LOG = logging.getLogger(__name__)

# A process that starts again is met at once; asking a local socket costs nothing.
_RETRY_S = 0.3

Heard = TypeVar("Heard")


class Link(Generic[Heard]):
    """Hands on what another process of the box says on its socket `name`. `on_connected` may send at once."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        read: Callable[[bytes], Heard],
        on_record: Callable[[Heard], None],
        on_connected: Callable[[], None] = lambda: None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._name = name
        self._read = read
        self._on_record = on_record
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._writer: asyncio.StreamWriter | None = None

    def send(self, line: bytes) -> None:
        """Say it if the other is there; who must be heard says it again when connected."""
        if self._writer is not None:
            self._writer.write(line)

    async def run(self) -> None:
        """Stay connected, for ever."""
        while True:
            try:
                await self._session()
            except (OSError, ValueError, msgspec.DecodeError, WireError) as error:
                _LOG.debug("%s: %s", self._name, error)
            await asyncio.sleep(_RETRY_S)

    async def _session(self) -> None:
        reader, writer = await connect(self._folder, self._name)
        self._writer = writer
        try:
            self._on_connected()
            while line := await reader.readline():
                self._on_record(self._read(line))
        finally:
            self._writer = None
            writer.close()
            self._on_lost()


async def connect(folder: Path, name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Both ends of the stream to the socket `name`; raises OSError."""
    limit = max(MOST_LINE_BYTES, MOST_VIDEO_LINE_BYTES)
    async with socket_address(folder, name) as address:
        return await asyncio.open_unix_connection(address, limit=limit)
