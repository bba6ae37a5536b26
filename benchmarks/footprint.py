"""What the agent takes of a small computer: memory, processor idle and live, time to the first reading.

The baseline is Python with asyncio and nothing else.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.report import Baseline, Result, publish
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from tests.device_agent.process import AgentProcess
from tests.device_agent.support import DEVICE, HubDouble, eventually
from tests.hub.broker import TestBroker, hub_broker

MEASURED_S = 20.0
MIB = 2**20


async def cpu_pct(process: psutil.Process) -> float:
    """The share of one core over some time."""
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(MEASURED_S)
    return (sum(process.cpu_times()[:2]) - before) / MEASURED_S * 100


async def measure(folder: Path, broker: TestBroker) -> tuple[float, dict[str, float]]:
    """Memory in MiB, and the rest."""
    async with (
        HubDouble(broker.hub_endpoint()) as hub,
        SimulatedOximeter("contec-v7") as oximeter,
    ):
        agent = AgentProcess(folder, broker.endpoint(DEVICE), oximeter.path)
        start_s = time.perf_counter()
        await agent.start()
        await eventually(lambda: bool(agent.acknowledged))
        first_s = time.perf_counter() - start_s
        await eventually(lambda: bool(hub.readings))
        process = psutil.Process(agent.pid)
        live_pct = await cpu_pct(process)
        memory_mib = process.memory_info().rss / MIB
        await oximeter.unplug()
        idle_pct = await cpu_pct(process)
        await agent.stop()
    return memory_mib, {
        "live_cpu_pct": live_pct,
        "idle_cpu_pct": idle_pct,
        "start_to_first_reading_s": first_s,
    }


def bare_memory_mib() -> float:
    """Python that only waits."""
    code = "import asyncio, sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as bare:
        assert bare.stdout is not None
        bare.stdout.readline()
        memory_mib: float = psutil.Process(bare.pid).memory_info().rss / MIB
        bare.communicate()
    return memory_mib


def main() -> None:
    """Measure and publish."""
    bare_mib = bare_memory_mib()
    with tempfile.TemporaryDirectory() as name, hub_broker(Path(name)) as broker:
        memory_mib, detail = asyncio.run(measure(Path(name), broker))
    publish(
        Result(
            name="footprint",
            value=memory_mib,
            unit="MiB resident, one 60 Hz oximeter live",
            baseline=Baseline("Python with asyncio alone", bare_mib),
            ratio=memory_mib / bare_mib,
            detail=detail,
        )
    )


if __name__ == "__main__":
    main()
