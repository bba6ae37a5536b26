"""A call rig with the real web app in front, on a loop of its own thread: for tests that drive a browser."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from av import AudioFrame

from koffert_agent.video.records import AnswerCall, EndCall
from koffert_agent.video.settings import VideoSettings
from koffert_hub.live import LiveFeed, LiveRow
from koffert_hub.registry import Role, User, create_user
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from koffert_hub.video.turn import TurnCredentials
from koffert_hub.web.app import create_app
from koffert_hub.web.services import LocalAccounts, WebServices
from koffert_hub.web.session import SessionStore
from tests.support.own_loop import OwnLoop
from tests.support.visit import DEADLINE_S, TEST_DEVICES, Rig, Screen, call_rig, until

NAMES = {Role.NURSE: "Sykepleier Test", Role.DOCTOR: "Lege Test", Role.AMK: "Operatør Test"}
_LOUD = 1000


class Ear:
    """A loudspeaker that remembers the loud parts of what it plays, as frequencies."""

    def __init__(self) -> None:
        self.tones_hz: list[float] = []

    def play(self, frame: AudioFrame) -> None:
        samples = frame.to_ndarray()[0].astype(float)
        if np.abs(samples).max() > _LOUD:
            loudest = np.argmax(np.abs(np.fft.rfft(samples)))
            self.tones_hz.append(float(loudest * frame.sample_rate / len(samples)))

    async def release(self) -> None:
        """Nothing is held."""


class VisitSite(OwnLoop):
    """Use as a context manager; `run` runs a coroutine where the rig lives."""

    def __init__(
        self,
        folder: Path,
        turn: TurnCredentials | None = None,
        devices: VideoSettings = TEST_DEVICES,
        *,
        host: str = "127.0.0.1",
        elsewhere: bool = False,
    ) -> None:
        super().__init__("visit site")
        self._host, self._elsewhere = host, elsewhere
        self._folder = folder
        self._devices = devices
        self._turn = turn
        self._stack = AsyncExitStack()
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.url = ""
        self.rig: Rig
        self.screen: Screen

    def until(
        self, condition: Callable[[], bool], what: str, within_s: float = DEADLINE_S
    ) -> float:
        """Wait on the rig's loop."""
        return self.run(until(condition, what, within_s))

    def press(self, what: AnswerCall | EndCall) -> None:
        """As the patient does."""
        self._loop.call_soon_threadsafe(self.screen.press, what)

    def token(self, role: Role) -> str:
        """A session of the user with this role."""
        user = User(role, role, NAMES[role])
        return SessionStore(self.rig.store.engine).start(user, time.time_ns() // 1_000_000)

    async def _start(self) -> None:
        self.rig = await self._stack.enter_async_context(
            call_rig(self._folder, self._turn, self._devices, elsewhere=self._elsewhere)
        )
        self.screen = await Screen.open(self._folder)
        engine = self.rig.store.engine
        with engine.begin() as connection:
            for role, name in NAMES.items():
                create_user(connection, role, "hemmelig nok til test", role, name)
        series = SqliteTimeSeries(self._folder / "series.sqlite")
        self._stack.callback(series.close)
        live = LiveFeed(lambda: time.time_ns() // 1_000_000)
        row = LiveRow(patient=self.rig.patient, display_name="Testpasient 1", suitcase="box-1")
        live.set_patients([row], 1)
        app = create_app(
            WebServices(
                engine=engine,
                live=live,
                time_series=series,
                accounts=LocalAccounts(engine),
                clock_ms=lambda: time.time_ns() // 1_000_000,
                centre_name="Dalane DMS",
                https=False,
                calls=self.rig.board,
            )
        )
        await self.serve(app)

    async def serve(self, app: Any) -> None:
        """Serve the web app on a port of its own."""
        config = uvicorn.Config(
            app,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=0,
            ws="websockets-sansio",
        )
        self._server = uvicorn.Server(config)
        listener = socket.create_server((self._host, 0))
        self.url = f"http://{self._host}:{listener.getsockname()[1]}"
        # uvicorn would take the signals, which only a main thread may.
        self._serving = asyncio.create_task(self._server._serve([listener]), name="web")
        server = self._server
        await until(lambda: server.started, "web server")

    async def _stop(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait((self._serving,), timeout=5)
            await self.screen.close()
        await self._stack.aclose()
