"""The hub's disk dies, and the backup is an hour old: what came in that hour comes again, once."""

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from koffert_agent.clock import NS_PER_S
from koffert_agent.session import Identity
from koffert_agent.transmission import Sealer
from koffert_hub.database import reading as open_reading
from koffert_hub.status import Status, status_of
from koffert_wire.topics import Lane
from tests.device_agent.support import ManualClock
from tests.device_agent.test_uplink import Box, block, box_online
from tests.faults.centre import Centre
from tests.faults.invariants import Stored, ids_of, stored_of

HOUR_S = 3600
ARRIVES_WITHIN_S = 600.0
DEVICE = "box-1"


async def measure_for_an_hour(box: Box) -> set[bytes]:
    """A reading and a block of pulse wave each second of the box's own clock, as a clip that is on gives them."""
    ids: set[bytes] = set()
    for _ in range(HOUR_S):
        box.clock.advance(1)
        ids |= await box.measure()
        await box.queue(Lane.BULK, [block(box.clock, 120)])
    return ids


def bodies(backup: Path) -> int:
    """How many transmissions a backup holds."""
    with closing(sqlite3.connect(f"file:{backup / 'hub.sqlite'}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM body").fetchone()[0])


async def released(box: Box, centre: Centre, ids: set[bytes]) -> None:
    """Wait until the hub has these, and has said so."""
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        while await box.queued() or not ids <= ids_of(look(centre)[0]):  # noqa: ASYNC110 - another process
            await asyncio.sleep(1)


def look(centre: Centre) -> tuple[Stored, Status]:
    """What the hub has of the box, and what it says of itself."""
    engine = centre.hub.engine()
    try:
        with open_reading(engine) as connection:
            return stored_of(connection, DEVICE), status_of(connection)
    finally:
        engine.dispose()


async def scenario(folder: Path) -> tuple[set[bytes], Stored, Status]:
    centre = Centre(folder)
    lent = centre.lend(DEVICE, 1)
    clock = ManualClock(time.time_ns() - HOUR_S * NS_PER_S)
    hub_key = X25519PublicKey.from_public_bytes(lent.keys.sealing)
    sealer = Sealer(DEVICE, lent.loan, hub_key, clock, os.urandom)
    identity, endpoint = Identity(DEVICE, lent.keys.link), centre.broker.endpoint(DEVICE)
    centre.start()
    try:
        async with box_online(folder, endpoint, identity, sealer, clock) as box:
            ids = await measure_for_an_hour(box)
            await released(box, centre, ids)
            assert bodies(centre.oldest_backup) == 0, "all of the hour came after it"
            assert (await box.outbox.count())[Lane.VITALS].released > HOUR_S
            await centre.lose_everything_since_the_start()
            await released(box, centre, ids)
            return ids, *look(centre)
    finally:
        centre.stop()


@pytest.mark.slow
@pytest.mark.timeout(2 * ARRIVES_WITHIN_S + 300)
def test_what_an_hour_brought_after_the_backup_comes_again(tmp_path: Path) -> None:
    ids, stored, status = asyncio.run(scenario(tmp_path))
    assert len(ids) == HOUR_S == len(stored.readings), "each once"
    assert ids == ids_of(stored)
    assert (status.lost, status.on_their_way, status.quarantined) == (0, 0, 0)
