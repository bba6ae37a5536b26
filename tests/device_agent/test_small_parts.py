"""The worker thread, the clock, the account and the service manager's socket."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from koffert_agent import disk, gateway, network
from koffert_agent.accounting import Account
from koffert_agent.clock import NS_PER_S, SystemClock
from koffert_agent.housekeeping import keep_house
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import OutboxError, OutboxReason
from koffert_agent.supervisor import Pulse, Supervisor
from koffert_agent.worker import Worker
from koffert_wire.notify import Notifier, watchdog_period_s
from koffert_wire.topics import Lane
from tests.device_agent.support import ManualClock, eventually


def test_the_worker_calls_in_order_and_hands_back_errors() -> None:
    async def scenario() -> None:
        worker, order = Worker("test"), list[int]()
        await asyncio.gather(*(worker.call(lambda n=n: order.append(n)) for n in range(50)))  # type: ignore[misc]
        assert order == list(range(50))
        with pytest.raises(ZeroDivisionError):
            await worker.call(lambda: 1 // 0)
        assert await worker.call(lambda: 2) == 2
        worker.stop()

    asyncio.run(scenario())


def test_a_slow_disk_does_not_stop_the_loop_and_is_seen() -> None:
    async def scenario() -> None:
        worker, gate = Worker("test"), threading.Event()
        slow = asyncio.create_task(worker.call(gate.wait))
        await eventually(lambda: worker.busy_s > 0.05)
        slow.cancel()
        gate.set()
        assert await worker.call(lambda: "next") == "next"
        # The answer is out a moment before the thread has nothing to do.
        await eventually(lambda: worker.busy_s == 0)
        worker.stop()

    asyncio.run(scenario())


def test_the_system_clock_counts_on() -> None:
    clock = SystemClock()
    first = clock.boottime_ns()
    assert len(clock.boot_id) == 16
    assert clock.boottime_ns() >= first
    assert clock.wall_ns() > 1_700_000_000 * NS_PER_S
    assert clock.wall_trusted() in {True, False}


def test_the_budget_is_per_day_and_survives_a_clock_that_jumps() -> None:
    clock = ManualClock()
    account = Account(clock, {Lane.VITALS: (1, 900)}, budget_bytes=1000)
    assert not account.spent
    account.add(Lane.VITALS, "topic", bytes(100))
    assert account.spent
    clock.wall -= 365 * 24 * 3600 * NS_PER_S
    assert not account.spent
    assert account.collect()[Lane.VITALS][0] == 1
    assert account.collect() == {}


def test_the_disk_is_measured_and_left_clean(tmp_path: Path) -> None:
    assert 0 <= disk.measure_sync_s(tmp_path) < 10
    assert disk.free_bytes(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_slow_card_is_told_of_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "fdatasync", lambda _: time.sleep(disk.SLOW_SYNC_S * 1.1))
    sync_s = asyncio.run(gateway._measure_disk(tmp_path))
    assert sync_s is not None
    assert sync_s > disk.SLOW_SYNC_S
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "makes a write durable in" in record.getMessage()


class Looked(Supervisor):
    """A supervisor whose health a test decides; counts who asks."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.well = True
        self.looks = 0

    @property
    def healthy(self) -> bool:
        self.looks += 1
        return self.well


def test_the_watchdog_is_fed_only_while_all_parts_and_the_disks_thread_are_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000")
    monkeypatch.setattr(gateway, "_DISK_PATIENCE_S", 0.01)

    async def scenario(manager: socket.socket) -> None:
        disk_thread, release, parts = Worker("outbox"), threading.Event(), Looked()
        box = cast("gateway.Gateway", SimpleNamespace(outboxes=[disk_thread], supervisor=parts))
        notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
        pulse = Pulse(asyncio.get_running_loop().time)
        feeding = asyncio.create_task(gateway._feed_watchdog(box, notifier, pulse))

        async def fed() -> None:
            async with asyncio.timeout(40):
                assert await loop.sock_recv(manager, 100) == b"WATCHDOG=1"

        def hungry() -> bool:
            try:
                return not manager.recv(100)
            except BlockingIOError:
                return True

        loop = asyncio.get_running_loop()
        await fed()
        parts.well = False
        await eventually(hungry)
        looks = parts.looks
        await eventually(lambda: parts.looks > looks + 3)
        assert hungry(), "a part hangs"
        parts.well = True
        await fed()
        call = asyncio.create_task(disk_thread.call(release.wait))
        await eventually(lambda: "the disk has not answered" in caplog.text)
        await eventually(hungry)
        caplog.clear()
        await eventually(lambda: len(caplog.records) > 3)
        assert hungry(), "the disk's thread hangs"
        release.set()
        await call
        await fed()
        feeding.cancel()
        disk_thread.stop()

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(0)
        manager.bind(str(tmp_path / "notify"))
        asyncio.run(scenario(manager))


def test_the_service_manager_is_told_also_in_the_abstract_namespace(tmp_path: Path) -> None:
    for address in (str(tmp_path / "notify"), "\0koffert-test-" + tmp_path.name):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(address)
            Notifier({"NOTIFY_SOCKET": address.replace("\0", "@")}).tell("READY=1")
            assert manager.recv(100) == b"READY=1"


def test_no_service_manager_is_no_error(tmp_path: Path) -> None:
    Notifier({}).tell("READY=1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell("READY=1")
    assert watchdog_period_s({}) is None
    assert watchdog_period_s({"WATCHDOG_USEC": "30000000"}) == 15


def test_a_burst_of_network_changes_wakes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "SETTLE_S", 0.05)

    async def scenario(kernel: socket.socket, link: socket.socket) -> None:
        wakes: list[bool] = []
        pulse = Pulse(asyncio.get_running_loop().time)
        watching = asyncio.create_task(network.watch(link, lambda: wakes.append(True), pulse))
        for burst in range(1, 3):
            for _ in range(5):
                kernel.send(b"a route changed")
            await eventually(lambda: len(wakes) == burst)  # noqa: B023 - awaited here
        watching.cancel()

    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        far.settimeout(0)
        asyncio.run(scenario(near, far))


def test_the_kernels_news_can_be_had_without_rights() -> None:
    with network.open_link() as link:
        assert link.getsockname()[1] != 0


_A_LINK_COMES_UP = """
import asyncio, subprocess
from koffert_agent import network
from koffert_agent.supervisor import Pulse

async def main():
    changed = asyncio.Event()
    with network.open_link() as link:
        watching = asyncio.create_task(
            network.watch(link, changed.set, Pulse(asyncio.get_running_loop().time))
        )
        await asyncio.sleep(0)
        assert not changed.is_set()
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        async with asyncio.timeout(40):
            await changed.wait()
        watching.cancel()

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_link_that_comes_up_is_noticed() -> None:
    """In a network namespace of its own, whose loopback is down until the test says otherwise."""
    namespace = ["unshare", "--user", "--map-root-user", "--net"]
    subprocess.run([*namespace, sys.executable, "-c", _A_LINK_COMES_UP], check=True)


class Tidied(Outbox):
    """An outbox whose disk is full the first three times."""

    def __init__(self) -> None:
        self.times = 0

    async def tidy(self) -> None:
        self.times += 1
        if self.times <= 3:
            raise OutboxError(OutboxReason.FULL, "no room")


def test_tidying_waits_calmly_while_the_disk_is_full(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        outbox = Tidied()
        pulse = Pulse(asyncio.get_running_loop().time)
        keeping = asyncio.create_task(keep_house([outbox], 0.0, pulse))
        await eventually(lambda: outbox.times > 5)
        assert not keeping.done()
        keeping.cancel()

    with caplog.at_level("INFO", "koffert_agent.housekeeping"):
        asyncio.run(scenario())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
