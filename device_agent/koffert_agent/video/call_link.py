"""The gateway's end of a call: keys stay here, the video process gets only what is proven and fresh."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from koffert_agent.clock import Clock
from koffert_agent.local_socket import socket_address
from koffert_agent.supervisor import Pulse
from koffert_agent.video.gate import CallGate
from koffert_agent.video.records import (
    MOST_LINE_BYTES,
    SOCKET_NAME,
    FromHub,
    IsGateway,
    ToHub,
    encode_line,
    read_from_video,
)
from koffert_wire.call import (
    BoxHungUp,
    CallOutcome,
    CallUp,
    HangUp,
    Ring,
    decode_call_down,
    encode_call_up,
)
from koffert_wire.downlink import Down
from koffert_wire.errors import WireError

_LOG = logging.getLogger(__name__)

# The video process may start after the gateway and restart between calls.
_LOOK_S = 0.5


class CallLink:
    """Carries signalling between session and video process; `publish` tells whether there was a link."""

    def __init__(
        self,
        folder: Path,
        *,
        device: str,
        link_key: bytes,
        hub_key: X25519PublicKey,
        clock: Clock,
        publish: Callable[[bytes], bool],
    ) -> None:
        self._folder = folder
        self._device = device
        self._link_key = link_key
        self._hub_key = hub_key
        self._clock = clock
        self._publish = publish
        self._gate = CallGate()
        self._video: asyncio.StreamWriter | None = None
        self._call: bytes | None = None

    def hear(self, down: Down) -> None:
        """Act on an authenticated `call` message of the hub; raises WireError when it is not readable."""
        message = decode_call_down(down.body)
        wall_ns = self._clock.wall_ns() if self._clock.wall_trusted() else None
        boottime_ns = self._clock.boottime_ns()
        if not self._gate.admit(down, boottime_ns=boottime_ns, wall_ns=wall_ns):
            _LOG.warning("call signalling refused: old, or heard before")
            return
        if isinstance(message, Ring):
            self._call = message.call
        if self._video is not None:
            self._video.write(encode_line(FromHub(message)))
        elif not isinstance(message, HangUp):
            self._say(BoxHungUp(message.call, CallOutcome.BOX_LOST))

    async def run(self, pulse: Pulse) -> None:
        """Keep the way to the video process open, for ever."""
        while True:
            pulse.rest()
            with contextlib.suppress(OSError):
                await self._converse()
            await asyncio.sleep(_LOOK_S)

    async def _converse(self) -> None:
        async with socket_address(self._folder, SOCKET_NAME) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=MOST_LINE_BYTES)
        self._video = writer
        try:
            writer.write(encode_line(IsGateway()))
            while line := await reader.readline():
                self._pass_on(line)
        except ValueError as error:  # a line longer than any that we send
            _LOG.warning("the video process sent nonsense: %s", error)
        finally:
            self._video = None
            writer.close()
            if self._call is not None:
                # Whoever talked to it should not wait for what has died.
                self._say(BoxHungUp(self._call, CallOutcome.BOX_LOST))

    def _pass_on(self, line: bytes) -> None:
        try:
            record = read_from_video(line)
        except WireError as error:
            _LOG.warning("the video process sent nonsense: %s", error)
            return
        if isinstance(record, ToHub):
            self._say(record.message)

    def _say(self, message: CallUp) -> None:
        if isinstance(message, BoxHungUp) and message.call == self._call:
            self._call = None
        sequence, issued_ns = self._gate.stamp(self._clock.boottime_ns())
        payload = encode_call_up(
            message,
            device=self._device,
            sequence=sequence,
            issued_ns=issued_ns,
            hub_key=self._hub_key,
            link_key=self._link_key,
        )
        if not self._publish(payload):
            _LOG.debug("no link: a message of the call is dropped")
