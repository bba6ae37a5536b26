"""Finding out what is on a port, over real terminal devices."""

from __future__ import annotations

import asyncio

import pytest

from koffert_drivers.port_discovery import Candidate, candidates, identify, usb_ports
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_drivers.table import DEVICES, device

CP210X = (0x10C4, 0xEA60)
FTDI = (0x0403, 0x6001)
# Long enough for three measurements: 60 a second from a Contec, 3 a second from a Nonin.
LISTEN_S = {CP210X: 0.4, FTDI: 4.0}


def streams(found: list[Candidate]) -> set[tuple[str, str]]:
    return {(candidate.record.id, candidate.stream.name) for candidate in found}


def test_the_cable_narrows_the_choice() -> None:
    assert streams(candidates(DEVICES, CP210X)) == {("contec-v7", "live"), ("contec-5byte", "live")}
    assert {device_id for device_id, _ in streams(candidates(DEVICES, FTDI))} == {"nonin-serial"}
    assert candidates(DEVICES, (0x1234, 0x5678)) == []


def test_ports_have_a_usb_id() -> None:
    assert all(port.path and len(port.usb_id) == 2 for port in usb_ports())


def identified(device_id: str, stream: str, usb_id: tuple[int, int]) -> Candidate | None:
    async def scenario() -> Candidate | None:
        async with SimulatedOximeter(device_id, stream=stream) as oximeter:
            return await identify(
                oximeter.path, candidates(DEVICES, usb_id), listen_s=LISTEN_S[usb_id]
            )

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("device_id", "stream", "usb_id"),
    [
        ("contec-v7", "live", CP210X),  # silent until it is asked
        ("contec-5byte", "live", CP210X),  # the same cable, another protocol
        ("nonin-serial", "df2", FTDI),
        ("nonin-serial", "df7", FTDI),
    ],
)
def test_a_device_is_identified_by_what_it_says(
    device_id: str, stream: str, usb_id: tuple[int, int]
) -> None:
    found = identified(device_id, stream, usb_id)
    assert found is not None
    assert (found.record.id, found.stream.name) == (device_id, stream)


def test_a_foreign_device_is_not_identified() -> None:
    async def scenario() -> Candidate | None:
        nonin = candidates([device("nonin-serial")], FTDI)
        async with SimulatedOximeter("contec-5byte") as stranger:
            return await identify(stranger.path, nonin, listen_s=0.2)

    assert asyncio.run(scenario()) is None
