"""A fifth of all packets lost, 1.5 s each way: all of it arrives, at less than twice its bytes. Real TCP on a real TUN."""

import subprocess
import sys

import msgspec
import pytest

MEASURED_S = 300
MOST_BYTES = 2  # on the wire, both ways, for each byte of payload


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_everything_crosses_a_link_that_loses_a_fifth() -> None:
    namespace = ["unshare", "--user", "--map-root-user", "--net"]
    program = [sys.executable, "-m", "tests.faults.lossy", str(MEASURED_S)]
    run = subprocess.run([*namespace, *program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    crossing = msgspec.json.decode(run.stdout)
    assert crossing["acknowledged"] > MEASURED_S / 2
    assert crossing["missing"] == 0
    packets = crossing["up"]["packets"] + crossing["down"]["packets"]
    assert crossing["packets_lost"] > 0.1 * packets
    assert crossing["ratio_both_ways"] < MOST_BYTES, crossing
