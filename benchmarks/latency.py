"""From the meter's byte to the hub's log, against a bare QoS 1 message through the same kind of broker.

The whole system runs as `koffert demo` starts it, every box a process of its own. The box gathers vitals
for up to 100 ms before it commits them, by design; the baseline gathers nothing and stores nothing.
"""

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Baseline, Result, publish
from koffert_cli.demonstration.children import free_port
from koffert_cli.demonstration.provision import Ports, provision
from koffert_cli.demonstration.site import Demonstration
from koffert_cli.demonstration.totals import Totals, percentile, totals
from koffert_hub.database import open_database
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection
from tests.support.mosquitto import plain_mosquitto

PATIENTS = 20
RUN_S = 60.0
# A sealed reading as the boxes send it.
PAYLOAD_BYTES = 350


async def koffert_latency(folder: Path) -> Totals:
    """The demonstration's own totals."""
    ports = Ports(devices=free_port(), hub=free_port(), web=free_port())
    demonstration = Demonstration(provision(folder, PATIENTS, ports, datetime.now(UTC)), print)
    try:
        await demonstration.start()
        await asyncio.sleep(RUN_S)
    finally:
        await demonstration.stop()
    engine = open_database(demonstration.site.database_url)
    try:
        return totals([r for box in demonstration.boxes for r in box.acknowledged], engine)
    finally:
        engine.dispose()


async def bare_latency_ms(folder: Path) -> list[float]:
    """Publish to receive, one message of each patient a second, sorted."""
    took_ms: list[float] = []

    def receive(incoming: Incoming) -> None:
        took_ms.append((time.monotonic_ns() - int.from_bytes(incoming.payload[:8])) / 1e6)

    with plain_mosquitto(folder) as broker:
        receiver = MqttConnection(
            Endpoint("127.0.0.1", broker.port, "receiver"), on_message=receive
        )
        sender = MqttConnection(Endpoint("127.0.0.1", broker.port, "sender"), on_message=receive)
        await receiver.open()
        await receiver.subscribe("bare/#")
        await sender.open()
        for _ in range(round(RUN_S * PATIENTS)):
            stamp = time.monotonic_ns().to_bytes(8)
            await sender.publish("bare/vitals", stamp.ljust(PAYLOAD_BYTES, b"\0"))
            await asyncio.sleep(1 / PATIENTS)
        await sender.close()
        await receiver.close()
    return sorted(took_ms)


def main() -> None:
    """Measure both and publish `latency`."""
    with tempfile.TemporaryDirectory() as folder:
        ours = asyncio.run(koffert_latency(Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        bare_ms = asyncio.run(bare_latency_ms(Path(folder)))
    p50_ms, p99_ms = ours.latency_p50_ms, ours.latency_p99_ms
    bare_p50_ms, bare_p99_ms = percentile(bare_ms, 0.50), percentile(bare_ms, 0.99)
    if p50_ms is None or p99_ms is None or not bare_p50_ms or not bare_p99_ms:
        raise SystemExit("nothing was measured")
    publish(
        Result(
            name="latency",
            value=p99_ms,
            unit="ms (p99, sensor byte to stored)",
            baseline=Baseline("bare QoS 1 message, p99, nothing stored", bare_p99_ms),
            ratio=p99_ms / bare_p99_ms,
            detail={
                "p50_ms": p50_ms,
                "bare_p50_ms": bare_p50_ms,
                "patients": PATIENTS,
                "measured": ours.measured,
                "lost": ours.lost,
                "duplicates": ours.duplicates,
            },
        )
    )


if __name__ == "__main__":
    main()
