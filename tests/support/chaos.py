"""A TCP proxy on loopback that is as bad as a link can be: delay, rate, slices, silence, resets, nobody there."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Coroutine
from random import Random
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

READ_BYTES = 4096
# What may be under way inside the proxy per direction; beyond it the sender feels the slow link.
UNDER_WAY = 64
# The least that Linux waits before it sends a lost packet again.
_SENT_AGAIN_S = 0.2


class Conditions(Struct, frozen=True):
    """The state of the link. `black_hole` holds everything back without a word, as a dead mobile cell does."""

    delay_s: float = 0.0
    rate_bytes_s: float | None = None
    slice_bytes: int | None = None
    black_hole: bool = False
    # This share of the pieces is lost and comes after TCP has sent it again, and all behind it with it.
    lost: float = 0.0
    refuse: bool = False


GOOD = Conditions()


class ChaosProxy:
    """Listens on `port` while the `async with` lasts and passes on to `upstream_port`."""

    def __init__(self, upstream_port: int) -> None:
        self.port = 0
        self.passed_bytes = 0
        self._upstream_port = upstream_port
        self._conditions = GOOD
        self._random = Random(upstream_port)  # noqa: S311 - it loses packets
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.reset()

    @property
    def conditions(self) -> Conditions:
        """How the link is now; may be set at any time."""
        return self._conditions

    @conditions.setter
    def conditions(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._changed.set()
        self._changed.clear()
        if conditions.refuse:
            self.reset()

    def reset(self) -> None:
        """End every connection with a RST."""
        for writer in self._writers:
            _reset(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._conditions.refuse:
            _reset(writer)
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            _reset(writer)
            return
        self._writers |= {writer, back}
        try:
            with contextlib.suppress(asyncio.CancelledError):  # asyncio's streams cannot take one
                await _first_to_end(self._carry(reader, back), self._carry(there, writer))
        finally:
            self._writers -= {writer, back}
            for each in (writer, back):
                each.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDER_WAY)
        await _first_to_end(self._enter(reader, under_way), self._leave(under_way, writer))

    async def _enter(
        self, reader: asyncio.StreamReader, under_way: "asyncio.Queue[tuple[float, bytes]]"
    ) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(READ_BYTES):
            await under_way.put((loop.time() + self._conditions.delay_s, data))

    async def _leave(
        self, under_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s, data = await under_way.get()
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            await self._write(data, writer)

    async def _write(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        size = self._conditions.slice_bytes or len(data)
        for start in range(0, len(data), size):
            while self._conditions.black_hole:
                await self._changed.wait()
            if self._random.random() < self._conditions.lost:
                await asyncio.sleep(_SENT_AGAIN_S + self._conditions.delay_s)
            piece = data[start : start + size]
            writer.write(piece)
            self.passed_bytes += len(piece)
            rate = self._conditions.rate_bytes_s
            await asyncio.sleep(len(piece) / rate if rate else 0)
        await writer.drain()


async def _first_to_end(*works: Coroutine[Any, Any, None]) -> None:
    """Run all; when one ends, however it ends, the others are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
