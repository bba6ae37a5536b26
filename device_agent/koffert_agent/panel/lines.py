"""GPIO lines through libgpiod's own Python package, which only a box with a panel needs."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol

# A contact bounces for some milliseconds; a finger is never so quick.
_DEBOUNCE = timedelta(milliseconds=30)


class NoLines(Exception):
    """The lines cannot be had; the message says why."""


class Lines(Protocol):
    """Some lines of one chip."""

    def fileno(self) -> int:
        """Readable when a button has been pressed."""

    def pressed(self) -> list[int]:
        """The buttons pressed since the last look, in order."""

    def set(self, line: int, *, on: bool) -> None:
        """Switch a light."""

    def close(self) -> None:
        """Let go of the lines; the lights keep what the chip does with free lines."""


def open_lines(chip: str, buttons: Iterable[int], lights: Iterable[int]) -> Lines:
    """Take the lines: buttons close to ground, lights are dark at first. Raises NoLines."""
    try:
        import gpiod  # noqa: PLC0415
        from gpiod.line import Bias, Direction, Edge, Value  # noqa: PLC0415
    except ImportError as error:
        raise NoLines("gpiod is not installed: pip install 'koffert[panel]'") from error
    button = gpiod.LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.RISING,
        bias=Bias.PULL_UP,
        active_low=True,
        debounce_period=_DEBOUNCE,
    )
    light = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE)
    wanted: dict[Iterable[int | str] | int | str, gpiod.LineSettings | None] = {
        **dict.fromkeys(buttons, button),
        **dict.fromkeys(lights, light),
    }
    try:
        request = gpiod.request_lines(chip, consumer="koffert", config=wanted)
    except (OSError, ValueError) as error:
        raise NoLines(f"{chip}: {error}") from error

    class Requested:
        def fileno(self) -> int:
            return request.fd

        def pressed(self) -> list[int]:
            return [event.line_offset for event in request.read_edge_events()]

        def set(self, line: int, *, on: bool) -> None:
            request.set_value(line, Value.ACTIVE if on else Value.INACTIVE)

        def close(self) -> None:
            request.release()

    return Requested()
