"""What connected boxes cost: memory and processor time of hub and broker, against a bare paho subscriber.

Every box has a certificate, a mutual TLS link and an outbox of its own; together they send 200 sealed readings
a second, however many they are. The bare subscriber is a process beside the hub: it gets the same messages and only counts them.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as paho
import psutil
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.report import Baseline, Result, publish
from koffert_cli.demonstration.site import Servers
from koffert_cli.simulation.load import courses, make_room, make_site
from koffert_cli.simulation.swarm import Swarm
from koffert_wire.mqtt import TlsFiles
from koffert_wire.topics import Lane, up_any_device

BOXES = (1_000, 5_000)
TOTAL_HZ = 200.0
SEND_S = 20.0
SETTLE_S = 60.0
KIB = 1_024
_BARE = "--bare"


class Cost(NamedTuple):
    """What a number of boxes cost; processor time in ms for each reading."""

    readings: int
    waiting: int
    broker_kib_per_box: float
    hub_kib_per_box: float
    hub_ms: float
    broker_ms: float
    bare_ms: float


class Meter:
    """Memory and processor time of a process since a mark."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._used_s, self._memory = 0.0, 0
        self.mark()

    def mark(self) -> None:
        """Count from here."""
        self._used_s = self._seconds()
        self._memory = self._process.memory_info().rss

    @property
    def used_ms(self) -> float:
        """Processor time since the mark."""
        return (self._seconds() - self._used_s) * 1_000

    @property
    def grown_kib(self) -> float:
        """Memory since the mark."""
        return float(self._process.memory_info().rss - self._memory) / KIB

    def _seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


async def cost_of(boxes: int, folder: Path) -> Cost:
    """Start a site, connect the boxes, let them send, stop all of it."""
    make_room(boxes)
    site = make_site(folder, boxes)
    servers = Servers(site, _say)
    swarm = Swarm(site, courses(boxes))
    bare: subprocess.Popen[str] | None = None
    try:
        await servers.start()
        hub, broker = Meter(servers.hub.process.pid), Meter(servers.broker.process.pid)
        _say(f"connecting {boxes} boxes")
        await swarm.connect()
        hub_kib, broker_kib = hub.grown_kib, broker.grown_kib
        bare = _start_bare(site.ports.hub, folder)
        counted = Meter(bare.pid)
        hub.mark()
        broker.mark()
        _say("sending")
        await swarm.send_for(SEND_S, TOTAL_HZ / boxes, asyncio.Event())
        await swarm.settle(SETTLE_S)
        readings = sum(len(box.receipted) for box in swarm.boxes)
        return Cost(
            readings,
            swarm.waiting,
            broker_kib / boxes,
            hub_kib / boxes,
            hub.used_ms / readings,
            broker.used_ms / readings,
            counted.used_ms / readings,
        )
    finally:
        if bare is not None:
            bare.kill()
            bare.communicate()
        await swarm.stop()
        await servers.stop()


def _start_bare(port: int, folder: Path) -> "subprocess.Popen[str]":
    """Returns once it has subscribed."""
    bare = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.boxes", _BARE, str(port), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    if bare.stdout is None or not bare.stdout.readline():
        raise SystemExit("the bare subscriber did not start")
    return bare


def bare_subscriber(port: int, folder: Path) -> None:
    """Subscribe and acknowledge until killed."""
    tls = TlsFiles(folder / "ca.crt", folder / "hub.crt", folder / "hub.key")
    client = paho.Client(CallbackAPIVersion.VERSION2, "bare", protocol=paho.MQTTv5)
    client.tls_set_context(tls.context())
    client.on_message = lambda *_: None
    client.on_subscribe = lambda *_: print("subscribed", flush=True)
    client.connect("127.0.0.1", port)
    client.subscribe(up_any_device(Lane.VITALS), 1)
    client.loop_forever()


def _say(step: str) -> None:
    print(f"… {step}", flush=True)


def main() -> None:
    """Measure and publish `boxes`."""
    costs = {}
    for boxes in BOXES:
        with tempfile.TemporaryDirectory() as name:
            costs[boxes] = asyncio.run(cost_of(boxes, Path(name)))
    most = costs[BOXES[-1]]
    detail = {
        f"{field}_{boxes}_boxes": float(value)
        for boxes, cost in costs.items()
        for field, value in cost._asdict().items()
    }
    publish(
        Result(
            name="boxes",
            value=most.hub_ms,
            unit=f"ms of the hub's processor time a stored reading, {BOXES[-1]:,} boxes connected",
            baseline=Baseline("bare paho subscriber beside it, nothing stored", most.bare_ms),
            ratio=most.hub_ms / most.bare_ms,
            detail=detail,
        )
    )


if __name__ == "__main__":
    if sys.argv[1:2] == [_BARE]:
        bare_subscriber(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
