"""`koffert agent status` and `doctor`: what they say of a running box, a stopped one, and one with faults."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from koffert_agent.disk import SLOW_SYNC_S
from koffert_agent.doctor import Finding, Verdict, examine, first_to_mend
from koffert_agent.settings import Settings, load_settings
from koffert_agent.status import (
    ClockStatus,
    DiskStatus,
    LaneStatus,
    NotRunningError,
    Status,
    ask,
)
from koffert_agent.supervisor import PartCondition, PartState
from koffert_agent.uplink import LinkState, UplinkStatus
from koffert_cli.agent_report import finding_lines, status_lines, verdict_line
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_hub.authority import Authority
from koffert_wire.messages import SensorLink
from koffert_wire.topics import Lane
from tests.device_agent.process import AgentProcess
from tests.device_agent.support import DEVICE, HubDouble, ManualClock, eventually
from tests.hub.broker import TestBroker, hub_broker


async def koffert(*arguments: str) -> tuple[int, str]:
    """Run a command; its exit code and stdout."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "koffert_cli", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def findings_of(settings: Settings, system: Path) -> dict[str, Finding]:
    found = asyncio.run(examine(settings, ManualClock(), system))
    return {finding.check: finding for finding in found}


def test_a_running_box_tells_what_it_does(tmp_path: Path) -> None:
    async def scenario(broker: TestBroker) -> None:
        async with (
            HubDouble(broker.hub_endpoint()) as hub,
            SimulatedOximeter("contec-v7") as oximeter,
        ):
            agent = AgentProcess(tmp_path, broker.endpoint(DEVICE), oximeter.path)
            await agent.start()
            await eventually(lambda: len(hub.readings) >= 2)
            config = str(agent.settings)
            code, output = await koffert("agent", "status", "--json", "--config", config)
            assert code == 0
            status = msgspec.json.decode(output, type=Status)
            assert status.device == DEVICE
            assert status.link.link is LinkState.UP
            assert status.queue[Lane.VITALS].released > 0
            assert status.queue[Lane.VITALS].dropped == 0
            assert [sensor.link for sensor in status.sensors] == [SensorLink.CONNECTED]
            assert {part.condition.value for part in status.parts} == {"running"}
            assert status.disk.sync_s is not None
            assert any("vitals" in line for line in status_lines(status))
            code, output = await koffert("agent", "doctor", "--json", "--config", config)
            answer = json.loads(output)
            assert (code, answer["ready"]) == (0, True), answer
            assert await agent.stop() == 0

    with hub_broker(tmp_path) as broker:
        asyncio.run(scenario(broker))


def test_what_is_wrong_with_a_box_stands_in_its_status() -> None:
    lane = LaneStatus(1, 400, 90.0, 3, 1200, 2, 5, 4, 1600)
    troubled = Status(
        device=DEVICE,
        loan=None,
        version="1",
        link=UplinkStatus(LinkState.DOWN, 600.0, 0, 0, None, "unreachable: no route", True),  # noqa: FBT003
        queue=dict.fromkeys(Lane, lane),
        unacknowledged=7,
        disk=DiskStatus(2_000_000, 2 * SLOW_SYNC_S, 40.0),
        clock=ClockStatus(0, trusted=False, up_s=60.0),
        sensors=(),
        parts=[
            PartState("uplink", PartCondition.RUNNING, 3),
            PartState("meters", PartCondition.HUNG, 0),
            PartState("status", PartCondition.RUNNING, 0),
        ],
        memory_bytes=50_000_000,
    )
    text = "\n".join(status_lines(troubled))
    for words in (
        "link    down for 10 min",
        "last receipt never, today's data budget is used up: waveforms wait",
        "(last error: unreachable: no route)",
        "100.0 ms at the start (slow), has not answered for 40 s",
        "bulk           1      400 B       90 s        5       1.6 kB     1.2 kB",
        "part    uplink: running, restarted 3 times",
        "part    meters: hung",
        "damaged 2 of vitals cannot be read",
        "lost    7 readings found no place on the disk",
    ):
        assert words in text, text
    assert "part    status" not in text


def test_a_box_that_does_not_run_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError):
        asyncio.run(ask(tmp_path))
    with pytest.raises(NotRunningError):
        asyncio.run(ask(tmp_path / "nowhere"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    port = tmp_path / "port"
    port.touch()
    agent = AgentProcess(tmp_path, TestBroker(tmp_path).endpoint(DEVICE), str(port))
    return load_settings(agent.settings)


def test_the_doctor_says_what_to_mend_first(settings: Settings, tmp_path: Path) -> None:
    found = findings_of(settings, tmp_path)
    assert found["broker"].verdict is Verdict.FAILED
    assert found["certificate"].verdict is Verdict.OK
    assert found["camera"].verdict is found["bluetooth"].verdict is Verdict.WARNING
    first = first_to_mend(list(found.values()))
    assert first is found["broker"]
    assert verdict_line(first).startswith("Not ready. First: broker")
    assert any(line.startswith("!!  broker") for line in finding_lines(found.values()))


def test_the_doctor_finds_the_broker_when_it_is_there(tmp_path: Path) -> None:
    with hub_broker(tmp_path) as broker:
        agent = AgentProcess(tmp_path, broker.endpoint(DEVICE), str(tmp_path / "ca.crt"))
        found = findings_of(load_settings(agent.settings), tmp_path)
    assert found["broker"].verdict is Verdict.OK
    assert first_to_mend(list(found.values())) is None
    assert verdict_line(None) == "Ready."


def test_the_doctor_sees_a_cable_that_is_not_in(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "port").unlink()
    name = f"port {tmp_path / 'port'}"
    assert findings_of(settings, tmp_path)[name].verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (timedelta(days=31), Verdict.FAILED),
        (timedelta(days=25), Verdict.WARNING),
        (timedelta(days=-3), Verdict.FAILED),
        (timedelta(days=1), Verdict.OK),
    ],
)
def test_the_doctor_reads_the_certificate(
    settings: Settings, tmp_path: Path, age: timedelta, verdict: Verdict
) -> None:
    tls = settings.endpoint.tls
    assert tls is not None
    issued = datetime.now(UTC) - age
    identity = Authority.create("test", issued).issue_client(DEVICE, issued)
    tls.certificate.write_bytes(identity.certificate_pem)
    tls.key.write_bytes(identity.key_pem)
    assert findings_of(settings, tmp_path)["certificate"].verdict is verdict


def test_the_doctor_sees_a_certificate_without_its_key(settings: Settings, tmp_path: Path) -> None:
    tls = settings.endpoint.tls
    assert tls is not None
    now = datetime.now(UTC)
    tls.key.write_bytes(Authority.create("test", now).issue_client(DEVICE, now).key_pem)
    assert findings_of(settings, tmp_path)["certificate"].verdict is Verdict.FAILED


def test_the_doctor_sees_a_clock_that_cannot_be_right(settings: Settings, tmp_path: Path) -> None:
    clock = ManualClock(wall_ns=0)
    found = asyncio.run(examine(settings, clock, tmp_path))
    assert {each.check: each.verdict for each in found}["clock"] is Verdict.FAILED
