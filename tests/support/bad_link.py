"""A bad link around the box's ICE datagrams: rate with a short queue, loss, delay, outage. Needs no root."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aioice.ice import StunProtocol

# A router's queue that holds more only makes everything later.
_QUEUE_S = 0.5
_HEADER_BYTES = 28
_SEGMENT_BYTES = 1400
# What TCP waits at least before it sends a lost segment again (RFC 6298 on Linux).
_RESENT_AFTER_S = 0.2


@dataclass
class BadLink:
    """What the link does to each datagram; may be changed while it is in use.

    `rate_kbps` and `loss` apply to what the box sends, `delay_s` to both ways, `dark` stops both.
    """

    rate_kbps: float | None = None
    loss: float = 0.0
    delay_s: float = 0.0
    dark: bool = False
    _random: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - it loses packets
    _free_s: float = 0.0

    def take_after(self, other: "BadLink") -> None:
        """Be as bad as `other` from now on."""
        self.rate_kbps, self.loss, self.delay_s = other.rate_kbps, other.loss, other.delay_s

    def lateness_s(self, size_bytes: int) -> float | None:
        """How late a datagram leaves the box; None when it is lost."""
        now_s = asyncio.get_running_loop().time()
        if self.dark or self._random.random() < self.loss:
            return None
        if self.rate_kbps is None:
            return self.delay_s
        start_s = max(now_s, self._free_s)
        if start_s - now_s > _QUEUE_S:
            return None
        self._free_s = start_s + (size_bytes + _HEADER_BYTES) * 8 / (self.rate_kbps * 1000)
        return self._free_s - now_s + self.delay_s

    @contextlib.asynccontextmanager
    async def tcp(self, port: int) -> AsyncIterator[int]:
        """A port whose connections reach `port` over the same link: they queue with the datagrams."""

        async def serve(near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
            far, far_out = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._carry(near, far_out, shaped=True), name="up")
                tasks.create_task(self._carry(far, near_out, shaped=False), name="down")

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, shaped: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_SEGMENT_BYTES):
                await (self._cross(len(data)) if shaped else asyncio.sleep(self.delay_s))
                sink.write(data)
        sink.close()

    async def _cross(self, size_bytes: int) -> None:
        """Wait as long as a segment takes that is sent again until it gets through."""
        while (late_s := self.lateness_s(size_bytes)) is None:
            if self.dark:
                raise ConnectionError("the link is dark")
            await asyncio.sleep(_RESENT_AFTER_S)
        await asyncio.sleep(late_s)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put it under every ICE connection of this process."""
        made, received = StunProtocol.connection_made, StunProtocol.datagram_received

        def connection_made(protocol: StunProtocol, transport: Any) -> None:
            made(protocol, _Shaped(transport, self))  # type: ignore[arg-type]

        def datagram_received(protocol: StunProtocol, data: bytes, address: Any) -> None:
            if not self.dark:
                loop = asyncio.get_running_loop()
                loop.call_later(self.delay_s, received, protocol, data, address)

        monkeypatch.setattr(StunProtocol, "connection_made", connection_made)
        monkeypatch.setattr(StunProtocol, "datagram_received", datagram_received)


class _Shaped:
    """A datagram transport that sends through the link."""

    def __init__(self, transport: asyncio.DatagramTransport, link: BadLink) -> None:
        self._transport = transport
        self._link = link

    def sendto(self, data: bytes, address: Any = None) -> None:
        late_s = self._link.lateness_s(len(data))
        if late_s is not None:
            asyncio.get_running_loop().call_later(late_s, self._send, data, address)

    def _send(self, data: bytes, address: Any) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(data, address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
