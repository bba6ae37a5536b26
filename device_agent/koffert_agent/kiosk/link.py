"""The kiosk's end of the socket: kept connected, and never in anybody's way."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from koffert_agent.kiosk.records import (
    MOST_LINE_BYTES,
    SOCKET_NAME,
    FromGateway,
    FromKiosk,
    encode_line,
    read_from_gateway,
)
from koffert_agent.local_socket import socket_address

_LOG = logging.getLogger(__name__)

# A gateway that starts again is met at once; asking a local socket costs nothing.
_RETRY_S = 0.3


class GatewayLink:
    """Hands on what the gateway says. `on_connected` may send at once."""

    def __init__(
        self,
        folder: Path,
        on_connected: Callable[[], None],
        on_record: Callable[[FromGateway], None],
    ) -> None:
        self._folder = folder
        self._on_connected = on_connected
        self._on_record = on_record
        self._writer: asyncio.StreamWriter | None = None

    def send(self, record: FromKiosk) -> None:
        """Say it if the gateway is there; who must be heard says it again when connected."""
        if self._writer is not None:
            self._writer.write(encode_line(record))

    async def run(self) -> None:
        """Stay connected, for ever."""
        while True:
            try:
                await self._session()
            except (OSError, ValueError, msgspec.DecodeError) as error:
                _LOG.debug("the gateway is away: %s", error)
            await asyncio.sleep(_RETRY_S)

    async def _session(self) -> None:
        async with socket_address(self._folder, SOCKET_NAME) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=MOST_LINE_BYTES)
        self._writer = writer
        try:
            self._on_connected()
            while line := await reader.readline():
                self._on_record(read_from_gateway(line))
        finally:
            self._writer = None
            writer.close()
