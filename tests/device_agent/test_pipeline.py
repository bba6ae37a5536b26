"""From submitted messages to acknowledged readings: grouping, order, and a disk that refuses."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from koffert_agent.outbox.records import OutboxError, OutboxReason, Quota
from koffert_agent.pipeline import Pipeline
from koffert_agent.supervisor import Part, Supervisor
from koffert_wire.envelope import Header
from koffert_wire.messages import Reading
from koffert_wire.topics import Lane
from tests.device_agent.support import (
    ManualClock,
    eventually,
    make_reading,
    make_sealer,
    open_outbox,
)

EVERYTHING = 2**62


def test_readings_that_come_together_travel_together_and_are_acknowledged_after(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        acknowledged: list[Reading] = []
        async with open_outbox(tmp_path / "o.sqlite3", clock) as outbox:
            pipeline = Pipeline(outbox, make_sealer(clock), acknowledged.append)
            readings = [make_reading(clock) for _ in range(20)]
            pipeline.submit(readings)
            assert not acknowledged
            await pipeline.flush()
            assert acknowledged == readings
            rows = (await outbox.queued(Lane.VITALS, 0, EVERYTHING, 100)).rows
            headers = [msgspec.msgpack.decode(row.sealed.header, type=Header) for row in rows]
            assert [header.count for header in headers] == [16, 4]
            assert {header.kind for header in headers} == {"reading"}

    asyncio.run(scenario())


def test_an_alarm_does_not_wait_for_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("koffert_agent.pipeline.GATHER_S", 3600)

    async def scenario() -> None:
        clock = ManualClock()
        acknowledged: list[Reading] = []
        async with (
            open_outbox(tmp_path / "o.sqlite3", clock) as outbox,
            Supervisor(lambda: 0.5) as supervisor,
        ):
            pipeline = Pipeline(outbox, make_sealer(clock), acknowledged.append)
            supervisor.start(Part("pipeline", pipeline.run))
            alarm = make_reading(clock)
            pipeline.submit_alarm(alarm)
            await eventually(lambda: acknowledged == [alarm])
            assert (await outbox.count())[Lane.ALARM].queued == 1

    asyncio.run(scenario())


def test_what_the_disk_refused_waits_and_is_kept_once_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        acknowledged: list[Reading] = []
        async with open_outbox(tmp_path / "o.sqlite3", clock) as outbox:
            pipeline = Pipeline(outbox, make_sealer(clock), acknowledged.append)
            reading = make_reading(clock)
            pipeline.submit([reading])
            with monkeypatch.context() as broken:
                broken.setattr(outbox, "append", _broken)
                with pytest.raises(OutboxError):
                    await pipeline.flush()
            assert not acknowledged
            await pipeline.flush()
            assert acknowledged == [reading]

    asyncio.run(scenario())


async def _broken(*_: object) -> None:
    raise OutboxError(OutboxReason.DISK, "input/output error")


def test_what_a_full_outbox_refused_is_not_acknowledged(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        acknowledged: list[Reading] = []
        tiny = Quota(2048, 512)
        async with open_outbox(tmp_path / "o.sqlite3", clock, quota=tiny) as outbox:
            pipeline = Pipeline(outbox, make_sealer(clock), acknowledged.append)
            for _ in range(10):
                pipeline.submit([make_reading(clock)])
                await pipeline.flush()
            assert 0 < len(acknowledged) < 10
            assert len(acknowledged) + pipeline.unacknowledged == 10
            assert (await outbox.count())[Lane.VITALS].dropped == pipeline.unacknowledged

    asyncio.run(scenario())


def test_what_falls_out_while_the_disk_refuses_is_named_to_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with open_outbox(tmp_path / "o.sqlite3", clock) as outbox:
            pipeline = Pipeline(outbox, make_sealer(clock), lambda _: None)
            with monkeypatch.context() as broken:
                broken.setattr(outbox, "append", _broken)
                pipeline.submit([make_reading(clock) for _ in range(600)])
                with pytest.raises(OutboxError):
                    await pipeline.flush()
            await pipeline.flush()
            counts = await outbox.count()
            assert pipeline.unacknowledged == counts[Lane.VITALS].dropped == 600 - 512
            rows = (await outbox.queued(Lane.VITALS, 0, EVERYTHING, 1000)).rows
            kinds = [msgspec.msgpack.decode(row.sealed.header, type=Header).kind for row in rows]
            assert kinds.count("dropped") == 1

    asyncio.run(scenario())


def test_a_meter_may_forget_only_what_is_safe(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        tiny = Quota(2048, 512)
        async with (
            open_outbox(tmp_path / "o.sqlite3", clock, quota=tiny) as outbox,
            Supervisor(lambda: 0.5) as supervisor,
        ):
            pipeline = Pipeline(outbox, make_sealer(clock), lambda _: None)
            supervisor.start(Part("pipeline", pipeline.run))
            safe = [await pipeline.keep([make_reading(clock)]) for _ in range(6)]
            assert safe[0]
            assert not safe[-1]
            assert safe.count(False) == pipeline.unacknowledged
            assert await pipeline.keep([])

    asyncio.run(scenario())
