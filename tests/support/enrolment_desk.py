"""A hub's enrolment listener on a thread of its own, for tests of the box's side."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from koffert_cli.demonstration.children import listens
from koffert_hub.provisioning.service import ProvisioningService
from koffert_hub.provisioning.tokens import announce, is_announced, mint
from koffert_wire.enrolment import EnrolmentCode
from tests.hub.provisioning.site import ProvisioningSite
from tests.support.demonstration import until
from tests.support.own_loop import OwnLoop

SEALING_KEY = bytes(range(32))
_STARTS_WITHIN_S = 40.0


class EnrolmentDesk(OwnLoop):
    """A `with` block in which boxes can be enrolled."""

    def __init__(self, folder: Path) -> None:
        super().__init__("desk", _STARTS_WITHIN_S)
        folder.mkdir(exist_ok=True)
        self.site = ProvisioningSite(folder, self.now())

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

    async def _start(self) -> None:
        self._service = ProvisioningService(
            self.site.settings, self.site.provisioning, self.site.engine, SEALING_KEY
        )
        self._running = asyncio.create_task(self._service.run(), name="provisioning")
        await until(lambda: listens(self.site.provisioning.port), _STARTS_WITHIN_S, "enrolment")

    async def _stop(self) -> None:
        self._service.stop()
        await self._running
        self.site.engine.dispose()
