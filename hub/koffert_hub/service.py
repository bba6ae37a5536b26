"""`koffert hub run`: ingest, projector and web pages on one event loop, started and stopped in order."""

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI

from koffert_hub.alerts.opening import open_alerts, rules_in_force
from koffert_hub.alerts.service import AlertService
from koffert_hub.alerts.standing import StandingSettings
from koffert_hub.alerts.ward import NoAlerts
from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from koffert_hub.documents.service import DocumentService
from koffert_hub.filing import Batch
from koffert_hub.intake import Intake
from koffert_hub.keys import HubKeys, load_keys
from koffert_hub.live import LiveFeed
from koffert_hub.metrics import Counts, MetricsApp, stored_samples
from koffert_hub.projector import POLL_MS, Projector
from koffert_hub.provisioning.desired_state import note_answered
from koffert_hub.provisioning.service import provisioning
from koffert_hub.register_server import RegisterServer
from koffert_hub.settings import (
    MetricsSettings,
    Settings,
    SettingsError,
    WebSettings,
    load_settings,
)
from koffert_hub.setup import wall_ms
from koffert_hub.stopping import first_of, stop_signals, tell_well
from koffert_hub.time_series import TimeSeries
from koffert_hub.time_series.opening import open_time_series
from koffert_hub.transmission_log import Epoch, current_epoch
from koffert_hub.upkeep import keeping_up
from koffert_hub.video.switchboard import Switchboard
from koffert_hub.video.turn import TurnCredentials
from koffert_hub.web.app import create_app
from koffert_hub.web.oidc import Provider
from koffert_hub.web.register import own_log
from koffert_hub.web.senders import load_senders
from koffert_hub.web.services import LocalAccounts, WebServices
from koffert_hub.web_server import PartServer
from koffert_hub.worker import Worker
from koffert_wire.notify import Notifier
from koffert_wire.topics import Lane

# Browsers hold their event streams open for ever; they reconnect by themselves.
WEB_STOP_S = 1
# The longest message of a page is its offer, about 7 kB.
MAX_WEBSOCKET_BYTES = 64 * 1024
# Nobody wakes the projector when other processes take in: it looks this often, which the ward hardly sees.
POLL_WITHOUT_INGEST_MS = 200
# A batch of ten readings a transmission makes some ten thousand objects and frees them; looking through all of
# a running hub's for cycles each few hundred cost a tenth of its processor time.
GC_THRESHOLD = 20_000

_LOG = logging.getLogger(__name__)


async def run_hub(settings: Settings, path: Path, *, ingest: bool = True) -> None:
    """Run until SIGTERM or SIGINT; what was received is then committed and answered. Raises on any fault.

    Without `ingest` the taking in is left to processes of `run_worker`. `path` is the file of the settings.
    """
    engine = open_database(settings.database_url)
    time_series = open_time_series(settings, engine)
    try:
        await _run(settings, path, engine, time_series, ingest=ingest)
    finally:
        time_series.close()
        engine.dispose()


async def run_worker(settings: Settings, metrics_port: int | None = None) -> None:
    """Take in until SIGTERM or SIGINT, one of many: the broker deals the messages out among them.

    What this one counts is served at a port of its own.
    """
    _settle_memory()
    engine = open_database(settings.database_url)
    instance = secrets.token_hex(4)
    counts = Counts()
    try:
        worker = _worker(settings, engine, load_keys(settings.data_dir), counts.add, instance)
        servers = []
        if metrics_port is not None:
            own = MetricsApp(counts, list, lambda: worker.is_listening)
            servers.append(_server(own, MetricsSettings(port=metrics_port)))
        async with asyncio.TaskGroup() as tasks:
            ingest = tasks.create_task(worker.run(), name="ingest")
            for server in servers:
                tasks.create_task(server.serve(), name="metrics")
            well = tasks.create_task(tell_well(Notifier()), name="service manager")
            with stop_signals() as stop:
                await first_of(stop.wait(), ingest)
            well.cancel()
            for server in servers:
                server.should_exit = True
            worker.stop()
    finally:
        engine.dispose()


def _settle_memory() -> None:
    """Spare the collector what lives as long as the process; readings themselves make no cycles."""
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


async def _run(
    settings: Settings, path: Path, engine: sa.Engine, time_series: TimeSeries, *, ingest: bool
) -> None:
    _settle_memory()
    keys = load_keys(settings.data_dir)
    live = LiveFeed(wall_ms)
    poll_ms = POLL_MS if ingest else POLL_WITHOUT_INGEST_MS
    projector = Projector(engine, time_series, live, keys.log, clock_ms=wall_ms, poll_ms=poll_ms)
    register = _register(settings, engine, keys)

    standing = _standing(settings, path)
    alerts = (
        open_alerts(settings.alerts, engine, wall_ms, _tell_caller, standing())
        if settings.alerts and standing
        else None
    )
    documents = DocumentService(engine)
    counts = Counts()

    def committed(batch: Batch) -> None:
        counts.add(batch)
        projector.committed(batch)
        documents.wake()
        if register is not None:
            register.wake()
        if alerts is not None:
            alerts.wake()

    worker = _worker(settings, engine, keys, committed) if ingest else None
    servers: list[PartServer] = []
    calls: Switchboard | None = None
    if settings.web is not None:
        calls = _switchboard(settings, engine, keys)
        app = create_app(_services(settings, engine, live, time_series, alerts=alerts, calls=calls))
        servers.append(_server(app, settings.web))
    if settings.metrics is not None:
        listening = (lambda: worker.is_listening) if worker else (lambda: True)
        servers.append(
            _server(
                MetricsApp(counts, partial(stored_samples, engine, time_series), listening),
                settings.metrics,
            )
        )
    async with (
        register.serving() if register else contextlib.nullcontext(),
        provisioning(settings, engine, standing() if standing else None),
        documents.working(),
        keeping_up(engine, settings.upkeep),
    ):
        await _until_stopped(worker, projector, alerts, calls, servers)


def _standing(settings: Settings, path: Path) -> Callable[[], StandingSettings] | None:
    """Makes a reader of the file's hours for each thread that goes by them."""
    alerts = settings.alerts
    if alerts is None:
        return None
    return lambda: StandingSettings(
        alerts, path, lambda file: load_settings(file).alerts, unreadable=SettingsError
    )


async def _until_stopped(
    worker: Worker | None,
    projector: Projector,
    alerts: AlertService | None,
    calls: Switchboard | None,
    servers: "Sequence[PartServer]",
) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(projector.run(), name="projector")]
        if worker is not None:
            running.append(tasks.create_task(worker.run(), name="ingest"))
        if alerts is not None:
            running.append(tasks.create_task(alerts.run(), name="alerts"))
        if calls is not None:
            running.append(tasks.create_task(calls.run(), name="calls"))
        for server in servers:
            tasks.create_task(server.serve(), name="web")
        well = tasks.create_task(tell_well(Notifier()), name="service manager")
        with stop_signals() as stop:
            await first_of(stop.wait(), *running)
        _LOG.info("stopping")
        well.cancel()
        if calls is not None:
            calls.stop()
        for server in servers:
            server.should_exit = True
        if worker is not None:
            worker.stop()
            await asyncio.wait((running[1],))
        projector.stop()
        if alerts is not None:
            alerts.stop()


def _tell_caller(connection: sa.Connection, loan: str, call: bytes, at_ms: int) -> None:
    note_answered(connection, loan, call, datetime.fromtimestamp(at_ms / 1_000, UTC))


def _worker(
    settings: Settings,
    engine: sa.Engine,
    keys: HubKeys,
    on_commit: Callable[[Batch], None],
    instance: str = "",
) -> Worker:
    return Worker(
        settings.broker.endpoints(instance),
        Intake(engine, keys.sealing, random=os.urandom),
        epoch=_epoch(engine),
        wall_ns=time.time_ns,
        on_commit=on_commit,
        shared=bool(instance),
    )


def _switchboard(settings: Settings, engine: sa.Engine, keys: HubKeys) -> Switchboard:
    return Switchboard(
        engine,
        settings.broker.endpoints("calls")[Lane.VITALS],
        keys.sealing,
        TurnCredentials(settings.turn),
        time.time_ns,
    )


def _register(settings: Settings, engine: sa.Engine, keys: HubKeys) -> RegisterServer | None:
    if settings.register is None:
        return None
    return RegisterServer(engine, settings.register, keys.log.public_key())


def _services(
    settings: Settings,
    engine: sa.Engine,
    live: LiveFeed,
    time_series: TimeSeries,
    *,
    alerts: AlertService | None,
    calls: Switchboard,
) -> WebServices:
    return WebServices(
        engine=engine,
        live=live,
        time_series=time_series,
        accounts=LocalAccounts(engine),
        clock_ms=wall_ms,
        centre_name=settings.centre,
        https=settings.web is None or settings.web.https,
        logs=(own_log(settings, engine),),
        alerts=alerts.desk if alerts else NoAlerts(),
        calls=calls,
        provider=Provider(settings.oidc, wall_ms) if settings.oidc else None,
        senders=load_senders(settings.drop) if settings.drop else None,
        receiving_units=settings.receiving_units,
        rules_in_force=partial(rules_in_force, settings.alerts, engine),
    )


def _server(app: FastAPI | MetricsApp, where: WebSettings | MetricsSettings) -> PartServer:
    config = uvicorn.Config(
        app,
        host=where.host,
        port=where.port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=WEB_STOP_S,
        # The layer that websockets itself still keeps; the default one warns that it will go.
        ws="websockets-sansio",
        ws_max_size=MAX_WEBSOCKET_BYTES,
    )
    return PartServer(config)


def _epoch(engine: sa.Engine) -> Epoch:
    with open_reading(engine) as connection:
        return current_epoch(connection)
