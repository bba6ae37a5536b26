"""The panel's buttons and lights, on lines of our own: no kernel of a test machine has a chip with lines.

What libgpiod does with real lines is tried on a box (docs/how-to/connect-a-panel.md).
"""

import asyncio
import logging
import os
from typing import Self

import gpiod
import pytest

from koffert_agent.panel.lines import NoLines, open_lines
from koffert_agent.panel.panel import Control, Lights, Panel
from koffert_agent.panel.settings import PanelSettings
from tests.device_agent.support import eventually

SETTINGS = PanelSettings(call_button=17, volume_button=27, call_light=23, camera_light=24)


class PipeLines:
    """Buttons that are bytes in a pipe, and lights that are remembered."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.shining: dict[int, bool] = {}
        self.taken: tuple[str, list[int], list[int]] | None = None
        self.closed = False

    def take(self, chip: str, buttons: list[int], lights: list[int]) -> Self:
        self.taken = chip, buttons, lights
        return self

    def push(self, line: int) -> None:
        os.write(self._write, bytes([line]))

    def fileno(self) -> int:
        return self._read

    def pressed(self) -> list[int]:
        return list(os.read(self._read, 64))

    def set(self, line: int, *, on: bool) -> None:
        self.shining[line] = on

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)
        self.closed = True


def test_buttons_are_heard_in_order_and_lights_follow() -> None:
    async def scenario() -> None:
        lines, heard = PipeLines(), list[Control]()
        panel = Panel(SETTINGS, heard.append, lines.take)
        panel.open()
        assert lines.taken == ("/dev/gpiochip0", [17, 27], [23, 24])
        for line in (17, 27, 5):
            lines.push(line)
        await eventually(lambda: len(heard) == 2, "both presses", 30)
        assert heard == [Control.CALL, Control.VOLUME]
        panel.show(Lights(called=True, camera=True), 0.0)
        assert lines.shining == {23: True, 24: True}
        panel.close()
        assert lines.shining == {23: False, 24: False}
        assert lines.closed

    asyncio.run(scenario())


def test_it_blinks_while_it_rings() -> None:
    async def scenario() -> list[bool]:
        lines = PipeLines()
        panel = Panel(SETTINGS, lambda _: None, lines.take)
        panel.open()
        seen = []
        for tenth in range(20):
            panel.show(Lights(ringing=True), tenth / 10)
            seen.append(lines.shining.get(23, False))
        panel.close()
        return seen

    half = [True] * 5 + [False] * 5
    assert asyncio.run(scenario()) == half * 2


def test_without_lines_there_is_the_screen_alone(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(NoLines, match="/dev/no-such-chip"):
        open_lines("/dev/no-such-chip", [17], [23])
    panel = Panel(PanelSettings(chip="/dev/no-such-chip", call_button=17), lambda _: None)
    with caplog.at_level(logging.WARNING):
        panel.open()
    assert "the screen alone" in caplog.text
    panel.show(Lights(called=True), 0.0)
    panel.close()
    Panel(None, lambda _: None).open()


def test_libgpiod_is_asked_for_what_a_button_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one call that needs a chip is caught; its arguments are real ones of the package."""
    asked: dict[str, object] = {}

    def request_lines(chip: str, **options: object) -> None:
        asked.update(options, chip=chip)
        raise OSError("no chip here")

    monkeypatch.setattr(gpiod, "request_lines", request_lines)
    with pytest.raises(NoLines, match="no chip here"):
        open_lines("/dev/gpiochip4", [17], [23])
    config = asked["config"]
    assert isinstance(config, dict)
    assert asked["chip"] == "/dev/gpiochip4"
    assert config[17].active_low
    assert config[17].edge_detection is gpiod.line.Edge.RISING
    assert config[17].bias is gpiod.line.Bias.PULL_UP
    assert config[23].direction is gpiod.line.Direction.OUTPUT
    assert config[23].output_value is gpiod.line.Value.INACTIVE
