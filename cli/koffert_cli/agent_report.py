"""How `koffert agent status` and `doctor` look to a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from koffert_agent.disk import SLOW_SYNC_S
from koffert_agent.doctor import Finding, Verdict
from koffert_agent.intake import SensorStatus
from koffert_agent.status import Status
from koffert_agent.supervisor import PartCondition, PartState
from koffert_wire.topics import Lane

# A durable write is in hand much of the time; this long is no ordinary one.
_BUSY_S = 2.0
_MARKS = {Verdict.OK: "ok", Verdict.WARNING: "--", Verdict.FAILED: "!!"}


def status_lines(status: Status) -> Iterator[str]:
    """The whole status, one topic after another; `receipted` is kept in case that the hub must ask for it again."""
    yield f"{status.device}  loan {status.loan or 'none'}  version {status.version}"
    yield f"link    {_link(status)}"
    yield f"clock   {_clock(status)}"
    yield f"disk    {_disk(status)}"
    yield f"memory  {_size(status.memory_bytes)} at most"
    yield ""
    yield from _queue(status)
    yield ""
    yield from (f"meter   {_sensor(sensor)}" for sensor in status.sensors)
    yield from (
        f"part    {_part(part)}"
        for part in status.parts
        if part.restarts or part.condition is not PartCondition.RUNNING
    )
    yield from (
        f"damaged {status.queue[lane].damaged} of {lane.value} cannot be read; kept aside, named to the hub"
        for lane in Lane
        if status.queue[lane].damaged
    )
    if status.unacknowledged:
        yield f"lost    {status.unacknowledged} readings found no place on the disk"


def finding_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """One line per thing looked at, and what to do about it."""
    for finding in findings:
        fix = f"  ({finding.fix})" if finding.fix else ""
        yield f"{_MARKS[finding.verdict]}  {finding.check}: {finding.detail}{fix}"


def verdict_line(first: Finding | None) -> str:
    """The last line: ready, or where to begin."""
    if first is None:
        return "Ready."
    return f"Not ready. First: {first.check} {first.detail}. {first.fix[0].upper()}{first.fix[1:]}."


def _link(status: Status) -> str:
    link = status.link
    text = f"{link.link} for {_span(link.since_s)}, {link.in_flight} in flight"
    text += f", last receipt {_ago(link.last_receipt_s_ago)}"
    if link.put_off:
        text += f", {link.put_off} put off by the hub"
    if link.budget_spent:
        text += ", today's data budget is used up: waveforms wait"
    return text + (f" (last error: {link.last_error})" if link.last_error else "")


def _clock(status: Status) -> str:
    wall = datetime.fromtimestamp(status.clock.wall_ns / 1e9, UTC)
    trust = "set by a time service" if status.clock.trusted else "not trusted"
    return f"{wall:%Y-%m-%d %H:%M:%S} UTC, {trust}, up for {_span(status.clock.up_s)}"


def _disk(status: Status) -> str:
    disk = status.disk
    text = f"{_size(disk.free_bytes)} free"
    if disk.sync_s is not None:
        slow = " (slow)" if disk.sync_s > SLOW_SYNC_S else ""
        text += f", a durable write took {disk.sync_s * 1000:.1f} ms at the start{slow}"
    if disk.busy_s > _BUSY_S:
        text += f", has not answered for {_span(disk.busy_s)}"
    return text


def _part(part: PartState) -> str:
    times = f", restarted {part.restarts} times" if part.restarts else ""
    return f"{part.name}: {part.condition}{times}"


def _queue(status: Status) -> Iterator[str]:
    yield (
        f"{'lane':7} {'queued':>8} {'size':>10} {'oldest':>10} {'dropped':>8}"
        f" {'sent today':>12} {'receipted':>10}"
    )
    for name in Lane:
        lane = status.queue[name]
        yield (
            f"{name.value:7} {lane.queued:8} {_size(lane.queued_bytes):>10}"
            f" {_span(lane.oldest_s):>10} {lane.dropped:8}"
            f" {_size(lane.sent_today_bytes):>12} {_size(lane.released_bytes):>10}"
        )


def _sensor(sensor: SensorStatus) -> str:
    return f"{sensor.driver} on {sensor.port}: {sensor_text(sensor)}"


def sensor_text(sensor: SensorStatus) -> str:
    """A meter's link in words."""
    text = sensor.link.value
    text += f", last value {_ago(sensor.last_measured_s_ago)}"
    if sensor.battery_pct is not None:
        text += f", battery {sensor.battery_pct:.0f} %"
    if sensor.frame_errors:
        text += f", {sensor.frame_errors} bad frames"
    return text + (f" ({sensor.trouble})" if sensor.trouble else "")


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{_span(seconds)} ago"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def _size(size_bytes: int) -> str:
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= length:
            return f"{size_bytes / length:.1f} {unit}"
    return f"{size_bytes} B"
