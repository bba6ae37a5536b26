"""What the running box says of itself: collected on request, handed out on a local socket as JSON."""

import asyncio
import logging
import resource
from collections.abc import Awaitable, Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path

import msgspec
from msgspec import Struct

from koffert_agent import disk
from koffert_agent.accounting import Traffic
from koffert_agent.clock import NS_PER_S, Clock
from koffert_agent.intake import SensorStatus
from koffert_agent.local_socket import listen, socket_address
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import LaneCount
from koffert_agent.supervisor import PartState, Pulse
from koffert_agent.uplink import UplinkStatus
from koffert_wire.envelope import Header
from koffert_wire.topics import Lane

_LOG = logging.getLogger(__name__)

_SOCKET_NAME = "agent.sock"
# Whoever asks gets the answer within this, or the agent is not well.
_ANSWER_WITHIN_S = 5.0
_HEADER = msgspec.msgpack.Decoder(Header)


class LaneStatus(Struct, frozen=True):
    """One lane of the queue. `oldest_s` is None when nothing is queued or its age cannot be known."""

    queued: int
    queued_bytes: int
    oldest_s: float | None
    released: int
    released_bytes: int
    damaged: int
    dropped: int
    sent_today: int
    sent_today_bytes: int


class ClockStatus(Struct, frozen=True):
    """What the box believes the time is."""

    wall_ns: int
    trusted: bool
    up_s: float


class DiskStatus(Struct, frozen=True):
    """The outbox's disk; `sync_s` as measured at the start."""

    free_bytes: int
    sync_s: float | None
    busy_s: float


class Status(Struct, frozen=True):
    """The whole answer."""

    device: str
    loan: str | None
    version: str
    link: UplinkStatus
    queue: dict[Lane, LaneStatus]
    unacknowledged: int
    disk: DiskStatus
    clock: ClockStatus
    sensors: Sequence[SensorStatus]
    parts: Sequence[PartState]
    memory_bytes: int


class NotRunningError(Exception):
    """No agent answers on this data folder's socket."""


async def lanes(
    outboxes: Sequence[Outbox], clock: Clock, unwritten: Traffic
) -> dict[Lane, LaneStatus]:
    """The queue of all outboxes together, by lane; `unwritten` is what today's account does not have yet."""
    counts = [await outbox.count() for outbox in outboxes]
    today = await outboxes[0].traffic_today()
    return {
        lane: _lane([count[lane] for count in counts], (today, unwritten), lane, clock)
        for lane in Lane
    }


def clock_status(clock: Clock) -> ClockStatus:
    """The clock as it is now."""
    return ClockStatus(clock.wall_ns(), clock.wall_trusted(), clock.boottime_ns() / NS_PER_S)


def disk_status(folder: Path, outboxes: Iterable[Outbox], sync_s: float | None) -> DiskStatus:
    """The outbox's disk as it is now."""
    return DiskStatus(disk.free_bytes(folder), sync_s, max(outbox.busy_s for outbox in outboxes))


def version() -> str:
    """The software's version."""
    return metadata.version("koffert")


def memory_bytes() -> int:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def serve(folder: Path, collect: Callable[[], Awaitable[Status]], pulse: Pulse) -> None:
    """Answer everybody who connects to the socket in `folder`, for ever."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                writer.write(msgspec.json.encode(await collect()))
                await writer.drain()
        except (OSError, TimeoutError) as error:
            _LOG.warning("somebody who asked for the status got no answer: %r", error)
        finally:
            writer.close()

    async with (
        socket_address(folder, _SOCKET_NAME) as address,
        await asyncio.start_unix_server(answer, sock=listen(address)) as server,
    ):
        pulse.rest()
        await server.serve_forever()


async def ask(folder: Path) -> Status:
    """The status of the agent that runs on this data folder; raises NotRunningError."""
    try:
        async with (
            asyncio.timeout(_ANSWER_WITHIN_S),
            socket_address(folder, _SOCKET_NAME) as address,
        ):
            reader, writer = await asyncio.open_unix_connection(address)
            answer = await reader.read()
            writer.close()
            return msgspec.json.decode(answer, type=Status)
    except (OSError, TimeoutError, msgspec.DecodeError) as error:
        raise NotRunningError(f"no agent answers in {folder}") from error


def _lane(
    counts: Sequence[LaneCount], today: Sequence[Traffic], lane: Lane, clock: Clock
) -> LaneStatus:
    sent = [traffic.get(lane, (0, 0)) for traffic in today]
    ages_s = [_age_s(count.oldest_header, clock) for count in counts if count.oldest_header]
    known_s = [age_s for age_s in ages_s if age_s is not None]
    return LaneStatus(
        queued=sum(count.queued for count in counts),
        queued_bytes=sum(count.queued_bytes for count in counts),
        oldest_s=max(known_s, default=None),
        released=sum(count.released for count in counts),
        released_bytes=sum(count.released_bytes for count in counts),
        damaged=sum(count.damaged for count in counts),
        dropped=sum(count.dropped for count in counts),
        sent_today=sum(transmissions for transmissions, _ in sent),
        sent_today_bytes=sum(sent_bytes for _, sent_bytes in sent),
    )


def _age_s(header_bytes: bytes, clock: Clock) -> float | None:
    """How long ago a transmission was queued; after a reboot only trusted clocks can tell."""
    header = _HEADER.decode(header_bytes)
    if header.boot == clock.boot_id:
        return (clock.boottime_ns() - header.created.boottime_ns) / NS_PER_S
    if header.created.wall_trusted and clock.wall_trusted():
        return (clock.wall_ns() - header.created.wall_ns) / NS_PER_S
    return None
