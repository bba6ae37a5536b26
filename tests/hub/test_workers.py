"""Several workers on PostgreSQL behind one broker; any of them may die."""

import asyncio
import time
from pathlib import Path

from koffert_hub.database import open_database
from koffert_hub.leadership import Leadership
from tests.hub.broker import hub_broker
from tests.hub.process import HubProcess
from tests.hub.test_hub_process import assert_complete, stored
from tests.support.postgres import Postgres

# Ten seconds is what is promised; a machine busy with other tests may take longer.
TAKEOVER_WITHIN_S = 120


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
        workers = [hub.spawn("worker") for _ in range(2)]
        hub.start("--without-ingest")
        asyncio.run(scenario())
        workers[1].terminate()
        assert workers[1].wait(10) == 0
        assert hub.stop() == 0, hub.log()
    assert_complete(hub, 4 * 150)


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
