"""Several workers on PostgreSQL behind one broker; any of them may die."""

import asyncio
import contextlib
import random
import signal
import time
import urllib.request
from math import inf
from pathlib import Path

import pytest

from koffert_hub.database import open_database
from koffert_hub.leadership import Leadership
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from tests.hub.broker import OnlineBox, hub_broker
from tests.hub.process import HubProcess
from tests.hub.test_hub_process import assert_complete, stored
from tests.support.mosquitto import free_port
from tests.support.postgres import Postgres

# What is promised, which the slow test holds the hub to; a machine busy with other tests may take longer.
TAKEOVER_S = 10.0
TAKEOVER_WITHIN_S = 120
WORKERS = 3
KILLS = 6
# As a box: what has no receipt is sent again.
AGAIN_S = 3.0


def test_a_killed_workers_share_is_taken_over(postgres: Postgres, tmp_path: Path) -> None:
    async def scenario() -> None:
        boxes = [hub.box(f"box-{n}") for n in range(4)]
        for online in boxes:
            await online.connect()
        for online in boxes:
            online.send(*(online.box.queue() for _ in range(100)))
        await stored(boxes[0], 10)
        workers[0].kill()
        workers[0].wait()
        for online in boxes:
            online.send(*(online.box.queue() for _ in range(50)))
        await asyncio.gather(
            *(online.all_receipted(within_s=TAKEOVER_WITHIN_S) for online in boxes)
        )
        for online in boxes:
            await online.close()

    with hub_broker(tmp_path) as broker:
        hub = HubProcess(tmp_path, broker, top=f'database = "{postgres.new_database()}"')
        port = free_port()
        workers = [hub.spawn("worker"), hub.spawn("worker", "--metrics-port", str(port))]
        hub.start("--without-ingest")
        asyncio.run(scenario())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            taken_in = dict(line.rsplit(b" ", 1) for line in answer if not line.startswith(b"#"))
        assert int(taken_in[b"koffert_stored_total"]) > 0
        workers[1].terminate()
        assert workers[1].wait(40) == 0
        assert hub.stop() == 0, hub.log()
    assert_complete(hub, 4 * 150)


class Load:
    """Boxes that send without a pause; `longest_s` is how long any of it has waited for its receipt."""

    def __init__(self, boxes: list[OnlineBox]) -> None:
        self._boxes = boxes
        self._sent_s: dict[bytes, float] = {}
        self._again_s = 0.0
        self.longest_s = 0.0

    @property
    def sent(self) -> int:
        """How many transmissions."""
        return len(self._sent_s)

    async def run(self, seconds: float) -> None:
        """Each box sends 20 a second, and now and then again what has no receipt."""
        clock_s = asyncio.get_running_loop().time
        end_s = clock_s() + seconds
        while clock_s() < end_s:
            for online in self._boxes:
                online.box.wait(0.05)
                queued = online.box.queue()
                self._sent_s[queued.id] = clock_s()
                online.send(queued)
            await asyncio.sleep(0.05)
            self._look(clock_s())
        while any(online.waiting for online in self._boxes):
            await asyncio.sleep(0.05)
            self._look(clock_s())

    def _look(self, now_s: float) -> None:
        waiting = [self._sent_s[one] for online in self._boxes for one in online.waiting]
        self.longest_s = max([self.longest_s, *(now_s - sent_s for sent_s in waiting)])
        if now_s - self._again_s >= AGAIN_S:
            self._again_s = now_s
            for online in self._boxes:
                late = [
                    queued
                    for queued in online.waiting.values()
                    if now_s - self._sent_s[queued.id] >= AGAIN_S
                ]
                online.send(*late)


async def projecting_again(hub: HubProcess) -> float:
    """How long until the time series moves on."""
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    with contextlib.closing(SqliteTimeSeries(hub.settings.time_series_path)) as series:
        before = series.cursor()
        while series.cursor() == before:
            assert loop.time() - start_s < TAKEOVER_WITHIN_S, "nobody projects"
            await asyncio.sleep(0.05)
    return loop.time() - start_s


@pytest.mark.slow
def test_workers_and_the_projector_killed_at_random_under_load(
    postgres: Postgres, tmp_path: Path
) -> None:
    chance = random.Random(2026)  # noqa: S311 - the same kills each time

    async def kill_some() -> float:
        taken_over_s = inf
        for number in range(KILLS):
            await asyncio.sleep(chance.uniform(1.0, 3.0))
            place = chance.randrange(WORKERS)
            workers[place].kill()
            workers[place].wait()
            workers[place] = hub.spawn("worker")
            if number == KILLS // 2:
                hub.kill()
                taken_over_s = await projecting_again(hub)  # by the second projector
        return taken_over_s

    async def scenario() -> tuple[Load, float]:
        boxes = [hub.box(f"box-{n}") for n in range(8)]
        for online in boxes:
            await online.connect()
        load = Load(boxes)
        async with asyncio.TaskGroup() as tasks:
            killing = tasks.create_task(kill_some(), name="kills")
            tasks.create_task(load.run(KILLS * 2.5), name="load")
        for online in boxes:
            await online.close()
        return load, await killing

    with hub_broker(tmp_path) as broker:
        hub = HubProcess(tmp_path, broker, top=f'database = "{postgres.new_database()}"')
        workers = [hub.spawn("worker") for _ in range(WORKERS)]
        hub.start("--without-ingest")
        second = hub.spawn("run", "--without-ingest")
        load, taken_over_s = asyncio.run(scenario())
        for worker in workers:
            worker.terminate()
            # The youngest may not have begun to listen for the signal yet.
            assert worker.wait(40) in {0, -signal.SIGTERM}, hub.log()
        second.terminate()
        assert second.wait(40) == 0, hub.log()
    assert_complete(hub, load.sent)
    assert load.sent > 500
    assert load.longest_s <= TAKEOVER_S
    assert taken_over_s <= TAKEOVER_S


def test_one_leads_and_the_next_takes_over(postgres: Postgres) -> None:
    url = postgres.new_database()
    engines = [open_database(url) for _ in range(2)]
    first, second = (Leadership(engine) for engine in engines)
    assert [first.held(), second.held(), first.held()] == [True, False, True]
    first.release()
    # PostgreSQL lets go of the lock a moment later, when it has seen that the session is over.
    deadline_s = time.monotonic() + TAKEOVER_WITHIN_S
    while not second.held():
        assert time.monotonic() < deadline_s, "nobody leads"
    assert not first.held()
    second.release()
    for engine in engines:
        engine.dispose()
