"""`koffert hub run`: ingest, projector and web pages on one event loop, started and stopped in order."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterator

import sqlalchemy as sa
import uvicorn

from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from koffert_hub.intake import Intake
from koffert_hub.keys import load_keys
from koffert_hub.live import LiveFeed
from koffert_hub.projector import Projector
from koffert_hub.settings import Settings, WebSettings
from koffert_hub.setup import wall_ms
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from koffert_hub.transmission_log import Epoch, current_epoch
from koffert_hub.web.app import create_app
from koffert_hub.web.services import LocalAccounts, WebServices
from koffert_hub.worker import Worker
from koffert_wire.topics import Lane

# Browsers hold their event streams open for ever; they reconnect by themselves.
WEB_STOP_S = 1

_LOG = logging.getLogger(__name__)


async def run_hub(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; what was received is then committed and answered. Raises on any fault."""
    engine = open_database(settings.database_url)
    time_series = SqliteTimeSeries(settings.time_series_path)
    try:
        await _run(settings, engine, time_series)
    finally:
        time_series.close()
        engine.dispose()


async def _run(settings: Settings, engine: sa.Engine, time_series: SqliteTimeSeries) -> None:
    keys = load_keys(settings.data_dir)
    live = LiveFeed(wall_ms)
    projector = Projector(engine, time_series, live, keys.log, clock_ms=wall_ms)
    worker = Worker(
        {lane: settings.broker.endpoint(lane) for lane in Lane},
        Intake(engine, keys.sealing, random=os.urandom),
        epoch=_epoch(engine),
        wall_ns=time.time_ns,
        on_commit=lambda _batch: projector.wake(),
    )
    server = None
    if settings.web is not None:
        server = _web_server(settings.web, _services(settings, engine, live, time_series))
    async with asyncio.TaskGroup() as tasks:
        ingest = tasks.create_task(worker.run(), name="ingest")
        projecting = tasks.create_task(projector.run(), name="projector")
        if server is not None:
            tasks.create_task(server.serve(), name="web")
        with _stop_signals() as stop:
            await _first_of(stop.wait(), ingest, projecting)
        _LOG.info("stopping")
        if server is not None:
            server.should_exit = True
        worker.stop()
        await asyncio.wait((ingest,))
        projector.stop()


def _services(
    settings: Settings, engine: sa.Engine, live: LiveFeed, time_series: SqliteTimeSeries
) -> WebServices:
    return WebServices(
        engine=engine,
        live=live,
        time_series=time_series,
        accounts=LocalAccounts(engine),
        clock_ms=wall_ms,
        centre_name=settings.centre,
        https=settings.web is None or settings.web.https,
    )


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the hub decides when it stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _web_server(web: WebSettings, services: WebServices) -> _Server:
    config = uvicorn.Config(
        create_app(services),
        host=web.host,
        port=web.port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=WEB_STOP_S,
    )
    return _Server(config)


@contextlib.contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _first_of(stop: "asyncio._CoroutineLike[bool]", *tasks: "asyncio.Task[None]") -> None:
    asked = asyncio.create_task(stop, name="stop-signal")
    await asyncio.wait((asked, *tasks), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()


def _epoch(engine: sa.Engine) -> Epoch:
    with open_reading(engine) as connection:
        return current_epoch(connection)
