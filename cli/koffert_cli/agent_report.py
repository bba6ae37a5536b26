"""How `koffert agent status` and `doctor` look to a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from koffert_agent.doctor import Finding, Verdict
from koffert_agent.intake import SensorStatus
from koffert_agent.status import Status
from koffert_wire.topics import Lane

_MARKS = {Verdict.OK: "ok", Verdict.WARNING: "--", Verdict.FAILED: "!!"}


def status_lines(status: Status) -> Iterator[str]:
    """The whole status, one topic after another."""
    yield f"{status.device}  loan {status.loan or 'none'}  version {status.version}"
    yield f"link    {_link(status)}"
    yield f"clock   {_clock(status)}"
    yield f"disk    {_disk(status)}"
    yield ""
    yield from _queue(status)
    yield ""
    yield from (f"meter   {_sensor(sensor)}" for sensor in status.sensors)
    troubled = [part for part in status.parts if part.condition != "running"]
    yield from (f"part    {part.name}: {part.condition}" for part in troubled)
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
    sync = "" if status.disk.sync_s is None else f", sync {status.disk.sync_s * 1000:.1f} ms"
    memory = f", memory {_size(status.memory_bytes)}"
    return f"{_size(status.disk.free_bytes)} free{sync}{memory}"


def _queue(status: Status) -> Iterator[str]:
    yield f"{'lane':7} {'queued':>8} {'size':>10} {'oldest':>10} {'dropped':>8} {'sent today':>12}"
    for name in Lane:
        lane = status.queue[name]
        yield (
            f"{name.value:7} {lane.queued:8} {_size(lane.queued_bytes):>10}"
            f" {_span(lane.oldest_s):>10} {lane.dropped:8} {_size(lane.sent_today_bytes):>12}"
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
