"""From nothing to a first stored reading, through the command line alone, on mutual TLS."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.support.cli_site import CliSite

from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_drivers.simulated.physiology import Physiology

# The whole way with all its errors, of which starting Python a dozen times is the most.
WHOLE_WAY_S = 60.0


@pytest.mark.timeout(120)
def test_from_hub_init_to_a_first_stored_reading(tmp_path: Path) -> None:
    began_s = time.monotonic()
    site = CliSite(tmp_path)
    assert site.init().exit_code == 0

    async def scenario() -> None:
        physiology = Physiology(spo2_pct=93, pulse_bpm=71)
        async with site.running(), SimulatedOximeter("contec-v7", physiology) as oximeter:
            box = site.box("first", oximeter.path)
            assert box.run("run").exit_code == 2  # it is nobody yet
            code = site.code("koffert-0001", "--label", "blue case")
            enrolled = box.run("enrol", code)
            assert enrolled.printed["device"] == "koffert-0001", enrolled.error
            lent = site.hub(
                "device", "lend", "koffert-0001", "--new-patient", stdin="Testpasient 1\n"
            )
            assert lent.printed["state"] == "lent", lent.error
            assert box.run("set-loan", lent.printed["loan"]).exit_code == 0
            await box.agent.start()
            try:
                await site.stored(3)
            finally:
                await box.agent.stop()
            status = site.hub("hub", "status").printed
            assert (status["quarantined"], status["lost"], status["alerts"]) == (0, 0, [])

    asyncio.run(scenario())
    assert time.monotonic() - began_s < WHOLE_WAY_S
