"""A hub's enrolment listener on a thread of its own, for tests of the box's side."""

import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from koffert_cli.demonstration.children import listens
from koffert_hub.provisioning.service import ProvisioningService
from koffert_hub.provisioning.tokens import announce, is_announced, mint
from koffert_wire.enrolment import EnrolmentCode
from tests.hub.provisioning.site import ProvisioningSite

SEALING_KEY = bytes(range(32))
_STARTS_WITHIN_S = 40.0


class EnrolmentDesk:
    """A `with` block in which boxes can be enrolled."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.site = ProvisioningSite(folder, self.now())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="desk")

    def now(self) -> datetime:
        """This machine's time: certificates are checked against it."""
        return datetime.now(UTC)

    def code(self, device: str = "koffert-0001") -> EnrolmentCode:
        """A new code for a box."""
        with self.site.engine.begin() as connection:
            if not is_announced(connection, device):
                announce(connection, device, centre=self.site.centre, label="", now=self.now())
            token = mint(connection, device, now=self.now())
        port = self.site.provisioning.port
        return EnrolmentCode("127.0.0.1", port, token, self.site.pki.root_fingerprint())

    def __enter__(self) -> Self:
        self._service = ProvisioningService(
            self.site.settings, self.site.provisioning, self.site.engine, SEALING_KEY
        )
        self._thread.start()
        self._running = asyncio.run_coroutine_threadsafe(self._service.run(), self._loop)
        deadline_s = time.monotonic() + _STARTS_WITHIN_S
        while not listens(self.site.provisioning.port):
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        return self

    def __exit__(self, *_error: object) -> None:
        self._service.stop()
        self._running.result(timeout=_STARTS_WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.site.engine.dispose()
