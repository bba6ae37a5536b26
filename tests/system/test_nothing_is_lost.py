"""The main job end to end, on real processes: everything acknowledged arrives once, whatever is killed."""

import asyncio
from pathlib import Path

from koffert_cli.demonstration.site import Demonstration
from koffert_hub.log_access import find_log, public_keys, verify_database
from tests.support.demonstration import HEALED_WITHIN_S, count, provisioned, until

# Long enough for several readings of each box between two faults.
READINGS_BETWEEN_FAULTS = 6


async def more_readings(demonstration: Demonstration) -> None:
    """Wait until the boxes have acknowledged some more readings."""
    before = sum(len(box.acknowledged) for box in demonstration.boxes)
    await until(
        lambda: (
            sum(len(box.acknowledged) for box in demonstration.boxes)
            >= before + READINGS_BETWEEN_FAULTS
        ),
        within_s=30,
        what="the boxes go on measuring",
    )


async def kill_agents(demonstration: Demonstration) -> None:
    for box in demonstration.boxes:
        await box.kill()
        await box.start_agent()


async def kill_broker(demonstration: Demonstration) -> None:
    await demonstration.broker.kill()
    await more_readings(demonstration)
    await demonstration.broker.start()


async def kill_hub(demonstration: Demonstration) -> None:
    await demonstration.hub.kill()
    await more_readings(demonstration)
    await demonstration.hub.start()


def test_kill_agent_broker_and_hub_in_turn(tmp_path: Path) -> None:
    """Readings acknowledged by the sensor layer are in the hub once; the log verifies."""
    demonstration = Demonstration(provisioned(tmp_path, patients=2), report=lambda _step: None)

    async def scenario() -> None:
        try:
            await demonstration.start()
            await more_readings(demonstration)
            for fault in (kill_agents, kill_broker, kill_hub, kill_agents):
                await fault(demonstration)
                await more_readings(demonstration)
            await until(
                lambda: count(demonstration).lost <= len(demonstration.boxes),
                within_s=HEALED_WITHIN_S,
                what="all but the readings of this moment are at the hub",
            )
        finally:
            await demonstration.stop()

    asyncio.run(scenario())
    counted = count(demonstration)
    assert counted.measured >= 5 * READINGS_BETWEEN_FAULTS
    assert (counted.lost, counted.duplicates) == (0, 0)
    # A reading that the outbox holds but whose acknowledgement died with the agent may be there as well.
    assert counted.stored >= counted.measured
    source = find_log(str(demonstration.site.hub_settings))
    verification = verify_database(source, public_keys(source.log_keys))
    assert verification.ok
    assert verification.records > 0


def test_an_undisturbed_run_has_equal_totals_on_both_sides(tmp_path: Path) -> None:
    demonstration = Demonstration(provisioned(tmp_path, patients=3), report=lambda _step: None)

    async def scenario() -> None:
        try:
            await demonstration.start()
            await more_readings(demonstration)
            await more_readings(demonstration)
        finally:
            await demonstration.stop()

    asyncio.run(scenario())
    counted = count(demonstration)
    assert counted.measured == counted.stored > 0
    assert (counted.lost, counted.duplicates) == (0, 0)
    assert counted.latency_p50_ms is not None
