"""The promise: put the clip on, and the first good value is safe in the outbox within 3 s."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from koffert_agent.ble.book import MeterBook, PairedMeter
from koffert_agent.meters import Meters
from koffert_agent.pipeline import Pipeline
from koffert_agent.supervisor import Part, Supervisor
from koffert_wire.messages import Reading
from tests.device_agent.ble.test_meter import ADDRESS, TrustedClock, oximeter
from tests.device_agent.support import ManualClock, eventually, make_sealer, open_outbox
from tests.support.bluez import simulated_radio

PROMISED_S = 3.0
# What connecting takes on a real radio, measured with BlueZ 5.66 on a simulated controller: 1.3 s of 2.5 s were it.
CONNECT_S = 1.0
ROUNDS = 4


@pytest.mark.parametrize(
    "patience", [5, pytest.param(1, marks=pytest.mark.slow)], ids=["busy", "promised"]
)
def test_the_first_good_value_is_in_the_outbox_within_three_seconds(
    tmp_path: Path, patience: int
) -> None:
    """Measured from the moment when the meter begins to advertise, wherever the listening is then.

    Only the long suite has its machine alone; else it is given `patience` times as long.
    """
    chance = random.Random(3)  # noqa: S311 - only where in a turn of listening it begins
    taken_s: list[float] = []
    safe_at_s: list[float] = []

    def acknowledge(reading: Reading) -> None:
        if reading.quality > 0 and reading.values["spo2_pct"] is not None:
            safe_at_s.append(time.monotonic())

    async def scenario() -> None:
        meter = oximeter(advertising=False)
        MeterBook(tmp_path).add(PairedMeter(ADDRESS, meter.driver))
        sealer = make_sealer(ManualClock())
        async with (
            open_outbox(tmp_path / "outbox.sqlite3", ManualClock()) as outbox,
            simulated_radio(tmp_path, meter, air_delay_s=CONNECT_S) as bluez,
            Supervisor(lambda: 0.5) as supervisor,
        ):
            pipeline = Pipeline(outbox, sealer, acknowledge)
            supervisor.start(Part("pipeline", pipeline.run))
            meters = Meters(
                (),
                tmp_path,
                "loan-1",
                clock=TrustedClock(),
                sink=pipeline,
                new_id=sealer.new_id,
                random=lambda: 0.5,
            )
            meters.start(supervisor)
            await eventually(lambda: bluez.discoveries > 0)
            for _ in range(ROUNDS):
                await asyncio.sleep(chance.random())
                safe_at_s.clear()
                meter.advertising, began_s = True, time.monotonic()
                await eventually(lambda: bool(safe_at_s))
                taken_s.append(safe_at_s[0] - began_s)
                meter.advertising = False
                await bluez.drop(meter)
            await meters.stop(supervisor)

    asyncio.run(scenario())
    assert len(taken_s) == ROUNDS
    assert max(taken_s) <= patience * PROMISED_S, taken_s
