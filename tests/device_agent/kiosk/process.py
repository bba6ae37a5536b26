"""The kiosk as the process that ships, and a page that listens to it and presses its buttons."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx

from tests.device_agent.support import eventually
from tests.support.mosquitto import free_port


class KioskProcess:
    """`koffert agent kiosk` on a free port."""

    def __init__(self, settings: Path) -> None:
        self._settings = settings
        self._log = settings.parent / "kiosk.log"
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"http://127.0.0.1:{free_port()}"

    async def start(self, environment: dict[str, str] | None = None) -> None:
        """Start it."""
        port = self.url.rpartition(":")[2]
        options = ["--config", str(self._settings), "--port", port]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "koffert_cli", "agent", "kiosk", *options),
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )

    async def kill(self) -> None:
        """As a crash would; nothing when it has ended."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(40):
            return await self._process.wait()

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator["Page"]:
        """A page that listens, once the kiosk serves."""
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as client:
            page = Page(client)
            listening = asyncio.create_task(page.listen(), name="page")
            try:
                yield page
            finally:
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await listening


class Page:
    """What a browser would have on the screen."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.serial = -1
        self.screen: dict[str, Any] = {"name": "", "title": "", "lines": [], "buttons": []}
        self.waves = 0
        self.efforts = 0

    async def listen(self) -> None:
        """Follow the stream; come back when it breaks."""
        while True:
            with contextlib.suppress(httpx.TransportError):
                await self._follow()
            await asyncio.sleep(0.05)

    async def see(self, condition: Callable[[dict[str, Any]], bool], what: str) -> None:
        """Wait until the screen is so."""
        await eventually(lambda: condition(self.screen), f"{what}; last: {self.screen}")

    async def at(self, name: str) -> None:
        """Wait for this screen."""
        await self.see(lambda screen: screen["name"] == name, name)

    async def press(self, button: str) -> None:
        """Press until the screen has changed: the kiosk takes no hasty press."""
        serial = self.serial

        async def pressing() -> None:
            while self.serial == serial:
                body = {"serial": serial, "button": button}
                answer = await self._client.post("/press", json=body)
                assert answer.status_code == 204
                await asyncio.sleep(0.1)

        async with asyncio.timeout(40):
            await pressing()

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Any address of the kiosk."""
        return await self._client.get(path, headers=headers)

    async def post(self, content: bytes, content_type: str) -> int:
        """Any press; the status."""
        headers = {"Content-Type": content_type}
        answer = await self._client.post("/press", content=content, headers=headers)
        return answer.status_code

    async def _follow(self) -> None:
        async with self._client.stream("GET", "/events") as stream:
            kind = ""
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self._take(kind, json.loads(line.removeprefix("data: ")))

    def _take(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "screen":
            self.serial, self.screen = data["serial"], data["screen"]
        elif kind == "wave":
            self.waves += 1
        elif kind == "blow":
            self.efforts += 1
