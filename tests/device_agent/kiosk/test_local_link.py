"""What meters bring on its way through the gateway's end of the kiosk's socket."""

from collections.abc import Iterable
from pathlib import Path

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


def test_nothing_is_measured_during_a_pause(tmp_path: Path) -> None:
    for paused, expected in ((False, [LINK, READING]), (True, [LINK])):
        box = Box(
            link_up=True,
            loan="loan-1",
            ends_ms=None,
            locked=False,
            wall_ms=0,
            wall_trusted=True,
            paused=paused,
        )
        kept = Kept()
        LocalLink(tmp_path, kept, lambda box=box: box).submit([LINK, READING])  # type: ignore[misc]
        assert kept.messages == expected
