"""The gateway process: everything between the meters and the hub, put together."""

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from koffert_agent import disk, network, status
from koffert_agent.accounting import Account
from koffert_agent.clock import Clock
from koffert_agent.enrolment.identity import identity_files
from koffert_agent.enrolment.renewal import Renewer
from koffert_agent.following import Following
from koffert_agent.housekeeping import keep_house
from koffert_agent.kiosk.records import Box
from koffert_agent.loan import read_loan
from koffert_agent.local_link import LocalLink
from koffert_agent.meters import Meters
from koffert_agent.outbox.folder import OutboxFolder, outbox_name
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import OutboxError, OutboxReason
from koffert_agent.outbox.salvage import replace_damaged
from koffert_agent.pipeline import Pipeline
from koffert_agent.session import Identity, Session
from koffert_agent.settings import Settings
from koffert_agent.stills.watcher import still_parts
from koffert_agent.supervisor import Part, Pulse, Supervisor
from koffert_agent.transmission import Sealer
from koffert_agent.uplink import LinkState, Uplink
from koffert_agent.video.call_link import CallLink
from koffert_agent.worker import Worker
from koffert_wire.messages import Reading
from koffert_wire.notify import Notifier, watchdog_period_s

_LOG = logging.getLogger(__name__)

# After SIGTERM: until when what is queued may still go out. The link's goodbye has the rest of the five seconds.
DRAIN_S = 3.0
# Each time writes some pages and the file system's journal: an SD card bears few of those.
_TIDY_INTERVAL_S = 600.0
# How often the disk is looked at where no watchdog asks.
_LOOK_INTERVAL_S = 60.0
# By then the uplink has noticed that its link was ended, and a wake cuts its wait short.
_NOTICED_S = 1.0
# A disk that takes longer for one commit does not come back by itself: systemd starts a new process.
_DISK_PATIENCE_S = 60.0


class Gateway(Struct, frozen=True):
    """The parts of a running box; `sync_s` is how long its disk takes for a durable write, if it could."""

    settings: Settings
    sync_s: float | None
    clock: Clock
    outboxes: Sequence[Outbox]
    pipeline: Pipeline
    meters: Meters
    uplink: Uplink
    supervisor: Supervisor
    following: Following
    renewer: Renewer
    local_link: LocalLink
    call_link: CallLink
    stills: Sequence[Part]


async def run(
    settings: Settings,
    clock: Clock,
    stop: asyncio.Event,
    acknowledge: Callable[[Reading], None] = lambda _: None,
) -> None:
    """Run the box until `stop` is set; raises OutboxError when there is nowhere to keep readings."""
    while await _run_under_one_loan(settings, clock, stop, acknowledge):
        settings = msgspec.structs.replace(settings, loan=read_loan(settings.data_dir).loan)


async def _run_under_one_loan(
    settings: Settings, clock: Clock, stop: asyncio.Event, acknowledge: Callable[[Reading], None]
) -> bool:
    """Run until `stop` is set or the hub has changed the loan; returns whether it was the latter."""
    notifier = Notifier()
    async with _open(settings, clock, acknowledge) as gateway:
        _start(gateway, notifier)
        notifier.tell("READY=1")
        await _until_first(stop, gateway.pipeline.damaged, gateway.following.changed)
        goes_on = gateway.following.changed.is_set() and not stop.is_set()
        if not goes_on:  # systemd kills a process that has said so and goes on
            notifier.tell("STOPPING=1")
        await _wind_down(gateway)
    if gateway.pipeline.damaged.is_set():
        replace_damaged(settings.data_dir / "outbox" / outbox_name(settings.loan))
        raise OutboxError(OutboxReason.DAMAGED, "the outbox is damaged and set aside; start again")
    return goes_on and not stop.is_set()


async def _until_first(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait(), name="end of the run") for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


@contextlib.asynccontextmanager
async def _open(
    settings: Settings, clock: Clock, acknowledge: Callable[[Reading], None]
) -> AsyncIterator[Gateway]:
    chance = random.SystemRandom()
    sealer = Sealer(settings.device, settings.loan, settings.hub_key, clock, os.urandom)
    folder = OutboxFolder(settings.data_dir / "outbox", settings.quota, sealer.report, clock)
    async with contextlib.AsyncExitStack() as stack:
        outboxes = await folder.open(stack, settings.loan)
        pipeline = Pipeline(
            outboxes[0],
            sealer,
            acknowledge,
            lambda *what: local_link.committed(*what),  # noqa: PLW0108 - it is made further down
        )
        account = Account(clock, await outboxes[0].traffic_today(), settings.daily_budget_bytes)

        def make_session() -> Session:
            return Session(
                settings.endpoint,
                Identity(settings.device, settings.link_key),
                outboxes,
                sealer=sealer,
                account=account,
                clock=clock,
                random=chance.random,
                changed=folder.changed,
                on_command=following.obey,
                on_stored=local_link.stored,
                on_call=call_link.hear,
            )

        uplink = Uplink(make_session, outboxes, account, chance.random)
        renewer = _make_renewer(settings, clock, pipeline, uplink, chance.random)
        following = Following(settings.data_dir, clock, pipeline.submit, renewer.take)
        following.confirm()
        local_link = LocalLink(
            settings.data_dir, pipeline, lambda: _box(settings, clock, uplink, following)
        )
        call_link = CallLink(
            settings.data_dir,
            device=settings.device,
            link_key=settings.link_key,
            hub_key=settings.hub_key,
            clock=clock,
            publish=uplink.signal_call,
        )
        meters = Meters(
            settings.sensors,
            settings.data_dir,
            settings.loan,
            clock=clock,
            sink=local_link,
            new_id=sealer.new_id,
            random=chance.random,
            adapter=settings.bluetooth_adapter,
        )
        supervisor = await stack.enter_async_context(Supervisor(chance.random))
        sync_s = await _measure_disk(settings.data_dir)
        yield Gateway(
            settings=settings,
            sync_s=sync_s,
            clock=clock,
            outboxes=outboxes,
            pipeline=pipeline,
            meters=meters,
            uplink=uplink,
            supervisor=supervisor,
            following=following,
            renewer=renewer,
            local_link=local_link,
            call_link=call_link,
            stills=still_parts(settings.still_folders, outboxes[0], sealer, settings.loan, clock),
        )


def _make_renewer(
    settings: Settings,
    clock: Clock,
    pipeline: Pipeline,
    uplink: Uplink,
    chance: Callable[[], float],
) -> Renewer:
    files = identity_files(settings.data_dir)
    loop = asyncio.get_running_loop()
    return Renewer(
        files=files,
        identity=files.read(),
        endpoint=settings.endpoint,
        clock=clock,
        random=chance,
        submit=pipeline.submit,
        reconnect=lambda: loop.call_later(_NOTICED_S, uplink.wake.set),
    )


def _box(settings: Settings, clock: Clock, uplink: Uplink, following: Following) -> Box:
    """What the kiosk must know of the box."""
    told = following.current
    return Box(
        link_up=uplink.status.link is LinkState.UP,
        loan=settings.loan,
        ends_ms=told.ends_ms,
        locked=told.locked,
        wall_ms=clock.wall_ns() // 1_000_000,
        wall_trusted=clock.wall_trusted(),
        settings=told.settings,
        answered_call=told.answered_call,
        paused=told.paused,
        plan=told.plan,
        message=told.message,
        visits=told.visits,
    )


def _start(gateway: Gateway, notifier: Notifier) -> None:
    start = gateway.supervisor.start
    start(Part("pipeline", gateway.pipeline.run))
    start(Part("uplink", gateway.uplink.run))
    keeping = partial(keep_house, gateway.outboxes, _TIDY_INTERVAL_S)
    start(Part("housekeeping", keeping, patience_s=120.0))
    start(Part("renewal", gateway.renewer.run))
    start(Part("kiosk link", gateway.local_link.run))
    start(Part("call link", gateway.call_link.run))
    start(Part("network", lambda pulse: _watch_network(gateway, pulse)))
    start(Part("status", lambda pulse: _answer(gateway, pulse)))
    for part in gateway.stills:
        start(part)
    start(Part("watchdog", lambda pulse: _feed_watchdog(gateway, notifier, pulse)))
    gateway.meters.start(gateway.supervisor)


async def _wind_down(gateway: Gateway) -> None:
    """Stop the meters, keep what they brought, give the link a moment to take it."""
    until_s = asyncio.get_running_loop().time() + DRAIN_S
    await gateway.meters.stop(gateway.supervisor)
    await gateway.supervisor.stop("pipeline")
    try:
        await gateway.pipeline.flush()
    except OutboxError as error:
        _LOG.error("the last readings could not be kept: %s", error)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(until_s):
            await gateway.uplink.drained()
    await gateway.supervisor.stop("uplink")


async def _watch_network(gateway: Gateway, pulse: Pulse) -> None:
    with network.open_link() as link:
        await network.watch(link, gateway.uplink.wake.set, pulse)


async def _answer(gateway: Gateway, pulse: Pulse) -> None:
    await status.serve(gateway.settings.data_dir, lambda: _collect(gateway), pulse)


async def _measure_disk(folder: Path) -> float | None:
    """None on a full disk: the box starts all the same, for alarms still fit."""
    worker = Worker("disk test")  # not the loop's executor, for which the process's end would wait
    try:
        sync_s = await worker.call(lambda: disk.measure_sync_s(folder))
    except OSError as error:
        _LOG.error("the disk could not be measured: %s", error)
        return None
    finally:
        worker.stop()
    level = logging.WARNING if sync_s > disk.SLOW_SYNC_S else logging.INFO
    _LOG.log(level, "the disk makes a write durable in %.1f ms", sync_s * 1000)
    return sync_s


async def _collect(gateway: Gateway) -> status.Status:
    settings, clock, outboxes = gateway.settings, gateway.clock, gateway.outboxes
    return status.Status(
        device=settings.device,
        loan=settings.loan,
        version=status.version(),
        link=gateway.uplink.status,
        queue=await status.lanes(outboxes, clock, gateway.uplink.unwritten),
        unacknowledged=gateway.pipeline.unacknowledged,
        disk=status.disk_status(settings.data_dir, outboxes, gateway.sync_s),
        clock=status.clock_status(clock),
        sensors=gateway.meters.statuses,
        parts=gateway.supervisor.states,
        memory_bytes=status.memory_bytes(),
    )


async def _feed_watchdog(gateway: Gateway, notifier: Notifier, pulse: Pulse) -> None:
    """Tell systemd that all is well, as long as it is."""
    period_s = watchdog_period_s() or _LOOK_INTERVAL_S
    while True:
        pulse.rest()
        await asyncio.sleep(period_s)
        busy_s = max(outbox.busy_s for outbox in gateway.outboxes)
        if busy_s > _DISK_PATIENCE_S:
            _LOG.critical("the disk has not answered for %.0f s", busy_s)
        elif gateway.supervisor.healthy:
            notifier.tell("WATCHDOG=1")
