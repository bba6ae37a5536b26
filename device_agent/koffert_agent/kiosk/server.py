"""The kiosk's process: attendant, link to the gateway, and page, put together."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from koffert_agent.clock import Clock
from koffert_agent.kiosk.app import Stage, create_app
from koffert_agent.kiosk.assets import load_assets, page
from koffert_agent.kiosk.attendant import CALL, Attendant
from koffert_agent.kiosk.catalogue import LANGUAGES, load_catalogue
from koffert_agent.kiosk.link import Link
from koffert_agent.kiosk.nurse import pictures
from koffert_agent.kiosk.records import (
    SOCKET_NAME,
    Breath,
    FromGateway,
    FromKiosk,
    PulseWave,
    encode_line,
    read_from_gateway,
)
from koffert_agent.kiosk.settings import KioskPlace
from koffert_agent.kiosk.speech import Speaker
from koffert_agent.panel.panel import Lights, Panel
from koffert_agent.video import records as video
from koffert_wire.notify import Notifier, watchdog_period_s

HOST = "127.0.0.1"
# Often enough for a countdown in whole seconds, and idle to a processor.
_TICK_S = 0.2
# Open pages are cut off after this; they come back by themselves.
_SHUTDOWN_S = 1


class Kiosk:
    """The parts, wired; `run` until cancelled."""

    def __init__(self, place: KioskPlace, clock: Clock) -> None:
        catalogues = {language: load_catalogue(language) for language in LANGUAGES}
        self._attendant = Attendant(place.settings, catalogues, clock, self._send, self._tell_video)
        self._stage = Stage(lambda: self._attendant.shown, Speaker(place.voices))
        self._gateway = Link(
            place.data_dir,
            SOCKET_NAME,
            read=read_from_gateway,
            on_record=self._hear,
            on_connected=self._attendant.connected,
        )
        self._video = Link(
            place.data_dir,
            video.SOCKET_NAME,
            read=video.read_from_video,
            on_record=self._see,
            on_lost=lambda: self._see(video.CallView()),
        )
        self._panel = Panel(place.settings.panel, self._attendant.press_beside)
        self.app = create_app(
            page=lambda: page(self._attendant.texts),
            assets=load_assets(),
            stage=self._stage,
            press=self._press,
            nurse=lambda: pictures(place.data_dir),
        )

    @contextlib.asynccontextmanager
    async def running(self, notifier: Notifier) -> AsyncIterator[None]:
        """Keep the link and the clock going meanwhile; a part that fails ends the process."""
        self._panel.open()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._gateway.run(), name="gateway link"),
                group.create_task(self._video.run(), name="video link"),
                group.create_task(self._tick(notifier), name="clock"),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                self._panel.close()

    async def _tick(self, notifier: Notifier) -> None:
        """Let time pass, and tell systemd that it does."""
        loop = asyncio.get_running_loop()
        period_s, due_s = watchdog_period_s(), loop.time()
        while True:
            self._attendant.tick()
            self._stage.look()
            self._panel.show(self._lights(), loop.time())
            if period_s is not None and loop.time() >= due_s:
                notifier.tell("WATCHDOG=1")
                due_s = loop.time() + period_s
            await asyncio.sleep(_TICK_S)

    def _lights(self) -> Lights:
        screen = self._attendant.shown.screen
        return Lights(
            ringing=screen.rings,
            called=screen.name == CALL,
            camera=screen.camera or screen.watched != "",
        )

    def _send(self, record: FromKiosk) -> None:
        self._gateway.send(encode_line(record))

    def _tell_video(self, record: video.AnswerCall | video.EndCall) -> None:
        self._video.send(video.encode_line(record))

    def _see(self, record: video.FromVideo) -> None:
        if isinstance(record, video.CallView):
            self._attendant.see_visit(record)
            self._stage.look()

    def _hear(self, record: FromGateway) -> None:
        if isinstance(record, PulseWave):
            self._stage.wave(record)
        else:
            self._attendant.hear(record)
            self._stage.look()
            if isinstance(record, Breath) and (effort := self._attendant.effort) is not None:
                self._stage.blow(effort)

    def _press(self, serial: int, button: str) -> None:
        self._attendant.press(serial, button)
        self._stage.look()


class _Server(uvicorn.Server):
    """Tells systemd once it listens, and ends in order: uvicorn itself would die of the signal after all."""

    def __init__(self, config: uvicorn.Config, notifier: Notifier) -> None:
        super().__init__(config)
        self._notifier = notifier

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._notifier.tell("READY=1")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGTERM and Ctrl-C end the serving, and nothing more."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_exit)
        yield

    def _ask_to_exit(self) -> None:
        self.should_exit = True


async def run(place: KioskPlace, clock: Clock, port: int) -> None:
    """Serve the page on loopback `port` until SIGTERM or SIGINT."""
    notifier = Notifier()
    kiosk = Kiosk(place, clock)
    config = uvicorn.Config(
        kiosk.app,
        host=HOST,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )
    async with kiosk.running(notifier):
        await _Server(config, notifier).serve()
    notifier.tell("STOPPING=1")
