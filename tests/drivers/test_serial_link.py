"""The serial link and the simulated devices, against each other over real terminal devices."""

from __future__ import annotations

import asyncio
import os
import pty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from koffert_drivers.device import DeviceRecord, Kind, Transport
from koffert_drivers.measurement import Measurement
from koffert_drivers.serial_transport import (
    SerialLink,
    TransportError,
    TransportReason,
    open_serial,
)
from koffert_drivers.simulated.contec import CONTEC_SILENCE_S, ContecV7Speaker
from koffert_drivers.simulated.others import LungMonitorSpeaker
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_drivers.simulated.physiology import Physiology
from koffert_drivers.table import DEVICES, device
from tests.drivers.contract import measurements, run

DEADLINE_S = 40.0
SERIAL = [
    (record, stream.name)
    for record in DEVICES
    if record.transport is Transport.SERIAL and Kind.SPO2 in record.kinds
    for stream in record.streams
]


@asynccontextmanager
async def connected(oximeter: SimulatedOximeter, record: DeviceRecord) -> AsyncIterator[SerialLink]:
    assert record.serial is not None
    async with (
        asyncio.timeout(DEADLINE_S),
        oximeter,
        open_serial(oximeter.path, record.serial) as link,
    ):
        yield link


async def until(
    link: SerialLink, record: DeviceRecord, stream: str, wanted: Callable[[Measurement], bool]
) -> Measurement:
    """Ask as the table says, then read until a measurement is `wanted`."""
    conversation = record.stream(stream).conversation
    for command in conversation.on_connect if conversation else ():
        await link.write(command)
    parser = record.make_parser(stream)
    while True:
        for measurement in measurements(parser.feed(await link.read())):
            if wanted(measurement):
                return measurement


async def drained(link: SerialLink) -> None:
    """Read until the link is lost."""
    while True:
        await link.read()


@pytest.mark.parametrize(("record", "stream"), SERIAL, ids=lambda part: getattr(part, "id", part))
def test_a_simulated_device_is_read_and_its_finger_noticed(
    record: DeviceRecord, stream: str
) -> None:
    async def scenario() -> None:
        oximeter = SimulatedOximeter(record.id, Physiology(spo2_pct=93), stream=stream)
        async with connected(oximeter, record) as link:
            await until(link, record, stream, lambda m: m.spo2_pct == 93 and m.pulse_bpm == 72)
            oximeter.physiology = Physiology(finger_on=False)
            gone = await until(link, record, stream, lambda m: m.quality == 0)
            assert (gone.spo2_pct, bool(gone.flags)) == (None, True)

    asyncio.run(scenario())


def test_replayed_bytes_arrive_as_they_are() -> None:
    recorded = bytes(range(256)) * 8

    async def scenario() -> None:
        record = device("contec-v7")
        oximeter = SimulatedOximeter(record.id)
        async with connected(oximeter, record) as link:
            replay = asyncio.create_task(oximeter.replay(recorded))
            received = b""
            while len(received) < len(recorded):
                received += await link.read()
            await replay
            assert received == recorded

    asyncio.run(scenario())


def test_an_unplugged_cable_is_a_lost_link() -> None:
    async def scenario() -> None:
        record = device("contec-v7")
        oximeter = SimulatedOximeter(record.id)
        async with connected(oximeter, record) as link:
            await oximeter.unplug()
            with pytest.raises(TransportError) as lost:
                await drained(link)
            assert lost.value.reason is TransportReason.LOST
            with pytest.raises(TransportError):
                await link.write(b"\x00")

    asyncio.run(scenario())


def refused(path: str) -> TransportReason:
    async def scenario() -> TransportReason:
        settings = device("contec-v7").serial
        assert settings is not None
        with pytest.raises(TransportError) as refusal:
            async with open_serial(path, settings):
                pass
        return refusal.value.reason

    return asyncio.run(scenario())


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    assert refused(str(tmp_path / "ttyUSB0")) is TransportReason.NOT_FOUND


def test_a_port_that_another_program_holds() -> None:
    async def scenario() -> None:
        record = device("contec-v7")
        oximeter = SimulatedOximeter(record.id)
        async with connected(oximeter, record):
            assert record.serial is not None
            with pytest.raises(TransportError) as refusal:
                async with open_serial(oximeter.path, record.serial):
                    pass
            assert refusal.value.reason is TransportReason.BUSY

    asyncio.run(scenario())


def test_a_cancelled_read_leaves_nothing_on_the_loop() -> None:
    async def scenario() -> None:
        master, slave = pty.openpty()
        settings = device("contec-v7").serial
        assert settings is not None
        async with open_serial(os.ttyname(slave), settings) as link:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await link.read()
            os.write(master, b"\x01")
            assert await link.read() == b"\x01"
        os.close(master)
        os.close(slave)

    asyncio.run(scenario())


def test_a_contec_is_silent_until_asked_and_again_without_keep_alive() -> None:
    speaker, finger = ContecV7Speaker(), Physiology()
    conversation = device("contec-v7").conversation
    assert conversation is not None
    assert speaker.frame(finger, 0.0) == b""
    speaker.hear(conversation.on_connect[0], 0.0)
    assert speaker.frame(finger, CONTEC_SILENCE_S) != b""
    speaker.hear(conversation.keep_alive, CONTEC_SILENCE_S)
    assert speaker.frame(finger, 1.9 * CONTEC_SILENCE_S) != b""
    assert speaker.frame(finger, 2.1 * CONTEC_SILENCE_S) == b""
    speaker.hear(conversation.keep_alive, 2.2 * CONTEC_SILENCE_S)
    assert speaker.frame(finger, 2.2 * CONTEC_SILENCE_S) == b""


def test_a_contec_stops_when_told() -> None:
    speaker = ContecV7Speaker()
    conversation = device("contec-v7").conversation
    assert conversation is not None
    # The command arrives behind noise and in two pieces, as on a line.
    speaker.hear(b"\x00" + conversation.on_connect[0][:4], 0.0)
    speaker.hear(conversation.on_connect[0][4:], 0.0)
    assert measurements(run(device("contec-v7").make_parser(), [speaker.frame(Physiology(), 0.0)]))
    speaker.hear(conversation.on_disconnect[0], 0.0)
    assert speaker.frame(Physiology(), 0.0) == b""


def test_a_lung_monitor_repeats_its_blow_until_it_is_acknowledged() -> None:
    speaker, nobody = LungMonitorSpeaker(), Physiology()
    record = device("vitalograph-lung-monitor")
    assert record.conversation is not None
    first, again = speaker.frame(nobody, 0.0), speaker.frame(nobody, 1.0)
    (blow,) = measurements(run(record.make_parser(), [first]))
    assert (blow.fev1_l, blow.fev6_l, blow.quality) == (1.45, 2.9, 1)
    speaker.hear(record.conversation.refuse, 1.0)
    assert again
    speaker.hear(record.conversation.acknowledge, 2.0)
    assert speaker.frame(nobody, 2.0) == b""
