"""Provisioning inside `koffert hub run`: the enrolment listener, and what must be renewed in time."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import sqlalchemy as sa
import uvicorn

from koffert_hub.alerts.opening import AlertSettings
from koffert_hub.keys import SEALING_PUBLIC_FILE
from koffert_hub.own_thread import OwnThread
from koffert_hub.provisioning import crl
from koffert_hub.provisioning.box_settings import Standard, standard_of
from koffert_hub.provisioning.ceremony import broker_pid_file, pki_of, renew_list, server_names
from koffert_hub.provisioning.dispatcher import Dispatcher
from koffert_hub.provisioning.endpoint import create_enrolment_app
from koffert_hub.provisioning.office import Office
from koffert_hub.provisioning.pki import renew_certificates
from koffert_hub.settings import ProvisioningSettings, Settings
from koffert_hub.web_server import PartServer
from koffert_wire.mqtt import Endpoint
from koffert_wire.topics import Lane

# A list lasts 30 days and is renewed after one; looking more often costs nothing.
UPKEEP_INTERVAL_S = 3600.0
_STOP_S = 1

_LOG = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def provisioning(
    settings: Settings, engine: sa.Engine, standing: Callable[[], AlertSettings] | None = None
) -> AsyncIterator[None]:
    """Provisioning runs inside this block; nothing does when the settings do not ask for it.

    `standing` says the hours and telephones that boxes go by.
    """
    if settings.provisioning is None:
        yield
        return
    sealing_key = (settings.data_dir / SEALING_PUBLIC_FILE).read_bytes()
    service = ProvisioningService(settings, settings.provisioning, engine, sealing_key, standing)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(service.run(), name="provisioning")
        yield
        service.stop()


class ProvisioningService:
    """Runs until `stop`; raises CeremonyError when no authority was made."""

    def __init__(
        self,
        settings: Settings,
        provisioning: ProvisioningSettings,
        engine: sa.Engine,
        sealing_key: bytes,
        standing: Callable[[], AlertSettings] | None = None,
    ) -> None:
        self._settings = settings
        self._provisioning = provisioning
        self._pki = pki_of(settings)
        authority = self._pki.authority()
        self._dispatcher = Dispatcher(
            engine,
            authority,
            _endpoint(settings),
            time.time_ns,
            _standard(standing) if standing else None,
        )
        office = Office(
            engine=engine,
            pki=self._pki,
            authority=authority,
            sealing_key=sealing_key,
            provisioning=provisioning,
            broker_pid_file=broker_pid_file(settings),
            now=_now,
        )
        self._config = uvicorn.Config(
            create_enrolment_app(office),
            host=provisioning.host,
            port=provisioning.port,
            ssl_certfile=self._pki.server.certificate,
            ssl_keyfile=self._pki.server.key,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_STOP_S,
        )
        self._server = PartServer(self._config)

    async def run(self) -> None:
        """Listen, and keep certificates and revocation list fresh."""
        upkeep, *serving = (
            asyncio.create_task(self._keep_fresh(), name="provisioning upkeep"),
            asyncio.create_task(self._server.serve(), name="enrolment listener"),
            asyncio.create_task(self._dispatcher.run(), name="provisioning dispatcher"),
        )
        tasks = (upkeep, *serving)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stop()
            upkeep.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    def stop(self) -> None:
        """Finish the requests in hand, then end."""
        self._server.should_exit = True
        self._dispatcher.stop()

    async def _keep_fresh(self) -> None:
        with OwnThread("provisioning-upkeep") as thread:
            while True:
                if await thread(self._renew):
                    crl.tell_broker(broker_pid_file(self._settings))
                    self._use_certificate()
                await asyncio.sleep(UPKEEP_INTERVAL_S)

    def _renew(self) -> bool:
        now = _now()
        renewed = renew_certificates(self._pki, server_names(self._provisioning), now)
        for name in renewed:
            _LOG.info("renewed the certificate of %s", name)
        return renew_list(self._settings, now) or bool(renewed)

    def _use_certificate(self) -> None:
        """New connections see the new certificate; the context of the listener takes it while it runs."""
        if self._config.ssl is not None:
            self._config.ssl.load_cert_chain(self._pki.server.certificate, self._pki.server.key)


def _standard(standing: Callable[[], AlertSettings]) -> Callable[[], Standard]:
    """What holds for all boxes: the rules as they were at the start, hours and telephone as they are now."""
    began = standard_of(standing())

    def standard() -> Standard:
        now = standing()
        return Standard(began.rules, now.staffing, now.telephone)

    return standard


def _endpoint(settings: Settings) -> Endpoint:
    """The hub's listener at the broker, under a client id of our own."""
    return settings.broker.endpoints("provisioning")[Lane.VITALS]


def _now() -> datetime:
    return datetime.now(UTC)
