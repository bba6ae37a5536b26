"""The pulse wave of one patient, live, to who looks."""

import asyncio

import msgspec

from koffert_hub.registry import Role
from koffert_hub.waves import WATCHER_BLOCKS, Wave, WaveFeed
from koffert_hub.web.access_log import AccessLog, Action
from tests.web.hub import Hub, client, wait_until


def test_blocks_come_to_who_looks_and_the_look_is_on_record(hub: Hub) -> None:
    hub.admit("Testpasient 1", "Testpasient 2")
    path = "/api/v1/patients/p-1/waves"
    with client(hub, Role.NURSE).stream("GET", path, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        wait_until(lambda: hub.feed.waves.is_watched("p-1"), timeout_s=30)
        assert not hub.feed.waves.is_watched("p-2")
        block = Wave(hub.now_ms(), 75.0, (100, 140, -3))
        hub.on_loop(lambda: hub.feed.waves.publish("p-1", block))
        lines = answer.iter_lines()
        data = next(line for line in lines if line.startswith("data: "))
    assert msgspec.json.decode(data.removeprefix("data: "), type=Wave) == block
    looks = AccessLog(hub.engine).latest(5, before=2**62, patient="p-1")
    assert [look.action for look in looks] == [Action.SAW_WAVE]
    assert client(hub, Role.NURSE).get("/api/v1/patients/p-9/waves").status_code == 404


def test_who_falls_behind_loses_the_oldest_and_who_left_is_forgotten() -> None:
    async def watch() -> tuple[Wave, list[Wave]]:
        watcher = feed.watch("p-1")
        for second in range(WATCHER_BLOCKS + 5):
            feed.publish("p-1", Wave(second, 1.0, (0,)))
        first = await anext(watcher)
        watcher.close()
        return first, [block async for block in watcher]

    feed = WaveFeed()
    first, rest = asyncio.run(watch())
    assert (first.at_ms, rest) == (5, [])
    assert not feed.is_watched("p-1")
