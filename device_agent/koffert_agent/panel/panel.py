"""The three buttons and two lights beside the screen: they do what the screen does, and nothing else."""

import asyncio
import logging
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from koffert_agent.panel.lines import Lines, NoLines, open_lines
from koffert_agent.panel.settings import PanelSettings

_LOG = logging.getLogger(__name__)

# On and off each half second while it rings.
_BLINK_S = 0.5


class Control(StrEnum):
    """A button of the panel."""

    CALL = "call"
    VOLUME = "volume"
    SCREEN = "screen"


class Lights(Struct, frozen=True):
    """What shines: `ringing` blinks."""

    ringing: bool = False
    called: bool = False
    camera: bool = False


class Panel:
    """The panel of `settings`; without one, or where its lines cannot be had, there is the screen alone."""

    def __init__(
        self,
        settings: PanelSettings | None,
        press: Callable[[Control], None],
        open_them: Callable[[str, list[int], list[int]], Lines] = open_lines,
    ) -> None:
        self._settings = settings or PanelSettings()
        self._press = press
        self._open = open_them
        wanted = {
            Control.CALL: self._settings.call_button,
            Control.VOLUME: self._settings.volume_button,
            Control.SCREEN: self._settings.screen_button,
        }
        self._buttons = {line: control for control, line in wanted.items() if line is not None}
        lights = (self._settings.call_light, self._settings.camera_light)
        self._lights = [line for line in lights if line is not None]
        self._lines: Lines | None = None
        self._shown: dict[int, bool] = {}

    def open(self) -> None:
        """Take the lines and heed the buttons."""
        if not self._buttons and not self._lights:
            return
        try:
            self._lines = self._open(self._settings.chip, [*self._buttons], self._lights)
        except NoLines as error:
            _LOG.warning("no buttons and lights, the screen alone: %s", error)
            return
        if self._buttons:
            asyncio.get_running_loop().add_reader(self._lines.fileno(), self._hear)

    def close(self) -> None:
        """Let go of them, dark."""
        if self._lines is not None:
            self.show(Lights(), 0.0)
            asyncio.get_running_loop().remove_reader(self._lines.fileno())
            self._lines.close()
            self._lines = None

    def show(self, lights: Lights, now_s: float) -> None:
        """Let it shine; call it some times a second."""
        blinks_on = now_s % (2 * _BLINK_S) < _BLINK_S
        self._set(self._settings.call_light, on=blinks_on if lights.ringing else lights.called)
        self._set(self._settings.camera_light, on=lights.camera)

    def _set(self, line: int | None, *, on: bool) -> None:
        if self._lines is not None and line is not None and self._shown.get(line, False) is not on:
            self._lines.set(line, on=on)
            self._shown[line] = on

    def _hear(self) -> None:
        if self._lines is not None:
            for line in self._lines.pressed():
                if (control := self._buttons.get(line)) is not None:
                    self._press(control)
