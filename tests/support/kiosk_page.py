"""The patient's page with a story behind it: real page, real server, and time that the test lets pass."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self, TypeVar

import uvicorn

from koffert_agent.kiosk.app import Stage, create_app
from koffert_agent.kiosk.assets import load_assets, page
from koffert_agent.kiosk.catalogue import load_catalogue
from tests.device_agent.kiosk.patient import Patient

T = TypeVar("T")

NURSE_JPEG = Path(__file__).parent / "nurse.jpg"


class StoryPage:
    """Serves the page of `patient`; `tell` lets something happen to the patient, and the page shows it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kiosk page")
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.patient = Patient()
        self._stage = Stage(lambda: self.patient.attendant.shown, frozenset())
        texts = load_catalogue("nb")
        app = create_app(
            page=page(texts),
            assets=load_assets(),
            voices=None,
            stage=self._stage,
            press=self._press,
        )
        config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._on_loop(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        self._on_loop(self._stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def begin(self) -> Patient:
        """A new patient at the same screen."""
        return self.tell(lambda _: self._exchange())

    def tell(self, happens: Callable[[Patient], T]) -> T:
        """Let it happen, all at once, and show what came of it."""

        async def happening() -> T:
            result = happens(self.patient)
            self._stage.look()
            if (effort := self.patient.attendant.effort) is not None:
                self._stage.blow(effort)
            return result

        return asyncio.run_coroutine_threadsafe(happening(), self._loop).result(timeout=30)

    def _exchange(self) -> Patient:
        self.patient = Patient()
        return self.patient

    def _press(self, serial: int, button: str) -> None:
        self.patient.wait(1)  # a person reads before pressing
        self.patient.attendant.press(serial, button)
        self._stage.look()

    async def _start(self) -> None:
        self._serving = asyncio.create_task(
            self._server.serve(sockets=[self._socket]), name="kiosk page"
        )

    async def _stop(self) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving

    def _on_loop(self, work: Callable[[], object]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(timeout=30)  # type: ignore[arg-type]
