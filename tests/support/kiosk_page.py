"""The patient's page with a story behind it: real page, real server, and time that the test lets pass."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import numpy as np
import uvicorn
from av import VideoFrame

from koffert_agent.kiosk.app import Stage, create_app
from koffert_agent.kiosk.assets import load_assets, page
from koffert_agent.kiosk.nurse import part_of
from koffert_agent.kiosk.settings import KioskSettings
from koffert_agent.kiosk.speech import Speaker
from koffert_agent.video.faces import Faces
from tests.device_agent.kiosk.patient import SETTINGS, Patient
from tests.support.mosquitto import free_port
from tests.support.own_loop import OwnLoop

T = TypeVar("T")


def _face() -> bytes:
    """A grey wall with a lighter oval on it, as JPEG."""
    rows, columns = np.mgrid[0:360, 0:320]
    luma = np.full((360, 320), 110, np.uint8)
    luma[240:] = 128
    inside = ((columns - 160) / 70) ** 2 + ((rows - 130) / 90) ** 2 < 1
    luma[:240][inside[:240]] = 200
    return Faces()._encode(VideoFrame.from_ndarray(luma, format="yuv420p"))


async def _pictures() -> AsyncIterator[bytes]:
    """What the video process would hand on, ten times a second."""
    part = part_of(_face())
    while True:
        yield part
        await asyncio.sleep(0.1)


class StoryPage(OwnLoop):
    """Serves the page of `patient`; `tell` lets something happen to the patient, and the page shows it."""

    def __init__(self) -> None:
        super().__init__("kiosk page")
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/"
        self.patient = Patient()
        self._stage = Stage(lambda: self.patient.attendant.shown, Speaker(None))
        self._app = create_app(
            page=lambda: page(self.patient.attendant.texts),
            assets=load_assets(),
            stage=self._stage,
            press=self._press,
            nurse=_pictures,
        )
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    def serve(self) -> None:
        """Open the page's address."""
        self.run(self._start())

    def stop_serving(self) -> None:
        """As if the kiosk's process had gone."""
        self.run(self._stop())

    def begin(self, settings: KioskSettings = SETTINGS) -> Patient:
        """A new patient at the same screen."""
        return self.tell(lambda _: self._exchange(settings))

    def tell(self, happens: Callable[[Patient], T]) -> T:
        """Let it happen, all at once, and show what came of it."""

        async def happening() -> T:
            result = happens(self.patient)
            self._stage.look()
            if (effort := self.patient.attendant.effort) is not None:
                self._stage.blow(effort)
            return result

        return self.run(happening())

    def _exchange(self, settings: KioskSettings) -> Patient:
        self.patient = Patient(settings)
        return self.patient

    def _press(self, serial: int, button: str) -> None:
        self.patient.wait(1)  # a person reads before pressing
        self.patient.attendant.press(serial, button)
        self._stage.look()

    async def _start(self) -> None:
        config = uvicorn.Config(
            self._app,
            port=self._port,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(), name="kiosk page")
        async with asyncio.timeout(30):
            while not self._server.started:  # noqa: ASYNC110 - uvicorn sets no event
                await asyncio.sleep(0.01)

    async def _stop(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
