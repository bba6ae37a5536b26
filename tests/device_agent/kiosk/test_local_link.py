"""What meters bring on its way through the gateway's end of the kiosk's socket."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from koffert_agent.kiosk.records import Box
from koffert_agent.local_link import LocalLink
from koffert_wire.messages import Instant, Message, Mode, Reading, SensorLink, SensorState

AT = Instant(0, 0, wall_trusted=True)
READING = Reading(b"r" * 16, AT, "contec-v7", None, Mode.CONTINUOUS, {"spo2_pct": 91.0}, 1.0)
LINK = SensorState(AT, "contec-v7", None, SensorLink.CONNECTED)


class Kept:
    """Where the messages end."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def submit(self, messages: Iterable[Message], /) -> None:
        self.messages += messages

    async def keep(self, messages: Iterable[Message], /) -> bool:
        self.messages += messages
        return True


BOX = Box(link_up=True, loan="loan-1", ends_ms=9, locked=False, wall_ms=8, wall_trusted=True)


def through(folder: Path, kept: Kept, **change: object) -> LocalLink:
    box = msgspec.structs.replace(BOX, **change)
    return LocalLink(folder, kept, lambda: box)


@pytest.mark.parametrize(
    ("change", "passed"),
    [
        ({}, [LINK, READING]),
        ({"paused": True}, [LINK]),
        ({"wall_ms": 9}, [LINK]),
        ({"loan": None}, [LINK]),
        ({"locked": True}, [LINK]),
    ],
)
def test_nothing_is_measured_in_a_pause_nor_when_the_box_is_nobodys(
    tmp_path: Path, change: dict[str, object], passed: list[Message]
) -> None:
    kept = Kept()
    through(tmp_path, kept, **change).submit([LINK, READING])
    assert kept.messages == passed


def test_what_a_meter_remembers_stays_there_when_the_box_is_nobodys(tmp_path: Path) -> None:
    kept = Kept()
    assert not asyncio.run(through(tmp_path, kept, loan=None).keep([READING]))
    assert kept.messages == []
    assert asyncio.run(through(tmp_path, kept, paused=True).keep([READING]))
    assert kept.messages == [READING]
