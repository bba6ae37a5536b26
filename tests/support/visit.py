"""A call from page to box with every real part between, in one loop: broker, switchboard, gateway's link, video."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from koffert_agent.clock import SystemClock
from koffert_agent.local_socket import socket_address
from koffert_agent.supervisor import Part, Supervisor
from koffert_agent.video.call_link import CallLink
from koffert_agent.video.process import VideoProcess
from koffert_agent.video.records import (
    MOST_LINE_BYTES,
    SOCKET_NAME,
    CallState,
    CallView,
    ToVideo,
    encode_line,
    read_from_video,
)
from koffert_agent.video.settings import VideoSettings
from koffert_agent.video.sound import TEST_SOUND
from koffert_hub.log_record import Event, LogRecord
from koffert_hub.registry import loans
from koffert_hub.video.call import Seat, Visitor
from koffert_hub.video.records import PageAlive, ToPage
from koffert_hub.video.switchboard import Switchboard
from koffert_hub.video.turn import TurnCredentials
from koffert_wire import topics
from koffert_wire.downlink import decode_down
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection
from koffert_wire.sealing import key_id
from koffert_wire.topics import DownKind
from tests.hub.box import Box
from tests.hub.kit import Store
from tests.support.mosquitto import plain_mosquitto

TEST_DEVICES = VideoSettings(camera="test:", microphone=TEST_SOUND, loudspeaker=TEST_SOUND)
DEADLINE_S = 30.0


async def until(condition: Callable[[], bool], what: str, within_s: float = DEADLINE_S) -> float:
    """Wait until `condition` holds; returns after how many seconds it did."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < within_s, f"{what}: not within {within_s:g} s"
        await asyncio.sleep(0.02)
    return time.monotonic() - began_s


class Screen:
    """The kiosk's end of the video process's socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.view = CallView()
        self._writer = writer
        self._reading = asyncio.create_task(self._read(reader), name="test screen")

    @classmethod
    async def open(cls, folder: Path) -> "Screen":
        """Connect as soon as the video process listens."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with contextlib.suppress(OSError):
                    async with socket_address(folder, SOCKET_NAME) as address:
                        return cls(
                            *await asyncio.open_unix_connection(address, limit=MOST_LINE_BYTES)
                        )
                await asyncio.sleep(0.05)

    def press(self, what: ToVideo) -> None:
        """As the patient does."""
        self._writer.write(encode_line(what))

    async def shows(self, state: CallState, within_s: float = DEADLINE_S) -> float:
        """Wait for a state; returns after how many seconds it was there."""
        return await until(lambda: self.view.state is state, f"screen {state}", within_s)

    async def close(self) -> None:
        """Go away."""
        self._reading.cancel()
        self._writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            record = read_from_video(line)
            assert isinstance(record, CallView)
            self.view = record


class Page:
    """A nurse's page without a browser: what the hub told it, in order."""

    def __init__(self) -> None:
        self.heard: list[ToPage] = []
        self.seat: Seat | None = None

    async def join(self, board: Switchboard, patient: str, username: str = "nurse") -> None:
        """Press «Ring», or join the call that goes on."""
        visitor = Visitor(username=username, name=f"{username} Test", send=self.heard.append)
        self.seat = await board.join(patient, visitor)
        # As the page does: on a busy machine a test takes longer than a page may be silent.
        self._alive = asyncio.create_task(_say_alive(self.seat), name="test page")

    def last(self, kind: type[ToPage]) -> ToPage | None:
        """The newest message of a kind."""
        return next((item for item in reversed(self.heard) if isinstance(item, kind)), None)


async def _say_alive(seat: Seat) -> None:
    while True:
        await asyncio.sleep(1)
        seat.take(PageAlive())


class Rig:
    """Everything that a call passes through."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        port: int,
        turn: TurnCredentials | None,
        devices: VideoSettings,
    ) -> None:
        self.folder = folder
        self.store = store
        self.broker_port = port
        self.box: Box = store.box()
        self.patient = self._patient()
        self.board = Switchboard(
            store.engine,
            Endpoint("127.0.0.1", port, "hub-calls"),
            {key_id(store.sealing.public_key()): store.sealing},
            turn or TurnCredentials(None),
            time.time_ns,
        )
        self.down: list[bytes] = []
        self.up: list[bytes] = []
        self.link: MqttConnection | None = MqttConnection(
            Endpoint("127.0.0.1", port, self.box.device), on_message=self._hear
        )
        self.call_link = CallLink(
            folder,
            device=self.box.device,
            link_key=self.box.link_key,
            hub_key=store.sealing.public_key(),
            clock=SystemClock(),
            publish=self.publish,
        )
        self.video = VideoProcess(folder, devices)

    def publish(self, payload: bytes) -> bool:
        """Send on the box's call topic."""
        self.up.append(payload)
        if self.link is not None:
            self.link.publish(topics.up_call(self.box.device), payload, qos=0)
        return self.link is not None

    def hear(self, payload: bytes) -> None:
        """As if the broker had delivered this to the box."""
        self.call_link.hear(decode_down(payload, self.box.device, self.box.link_key))

    def visits(self) -> list[LogRecord]:
        """What the transmission log says about calls."""
        return [record for record in self.store.records() if record.event is Event.VISIT]

    def _hear(self, incoming: Incoming) -> None:
        if incoming.topic == topics.down(self.box.device, DownKind.CALL):
            self.down.append(incoming.payload)
            self.hear(incoming.payload)

    def _patient(self) -> str:
        with self.store.engine.connect() as connection:
            assert self.box.loan is not None
            return loans(connection, [self.box.loan])[self.box.loan].patient


@contextlib.asynccontextmanager
async def call_rig(
    folder: Path,
    turn: TurnCredentials | None = None,
    devices: VideoSettings = TEST_DEVICES,
    *,
    elsewhere: bool = False,
) -> AsyncIterator[Rig]:
    """A running rig; everything is stopped and every device released at the end.

    `elsewhere`: the video process is another one, which serves in the same folder.
    """
    with plain_mosquitto(folder) as broker:
        rig = Rig(folder, Store(f"sqlite:///{folder / 'hub.sqlite'}"), broker.port, turn, devices)
        assert rig.link is not None
        await rig.link.open()
        await rig.link.subscribe(topics.down_any_kind(rig.box.device))
        async with asyncio.TaskGroup() as tasks, Supervisor(lambda: 0.0) as parts:
            board = tasks.create_task(rig.board.run(), name="board")
            video = tasks.create_task(_nothing() if elsewhere else rig.video.run(), name="video")
            parts.start(Part("call link", rig.call_link.run))
            await until(lambda: rig.board.is_connected, "switchboard")
            screen = await Screen.open(folder)
            try:
                yield rig
            finally:
                await screen.close()
                video.cancel()
                rig.board.stop()
                await asyncio.wait((video, board))
                await parts.stop("call link")
        if rig.link is not None:
            await rig.link.close()
        rig.store.engine.dispose()


async def _nothing() -> None:
    """In place of a video process."""


def random_id() -> bytes:
    """Sixteen bytes that no call has."""
    return os.urandom(16)
