"""The `[kiosk.panel]` table: which line of which chip each control is on."""

from typing import Annotated

from msgspec import Meta, Struct

Line = Annotated[int, Meta(ge=0, le=1023)]


class PanelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is not there is left out. Buttons close to ground."""

    chip: str = "/dev/gpiochip0"
    call_button: Line | None = None
    volume_button: Line | None = None
    screen_button: Line | None = None
    call_light: Line | None = None
    camera_light: Line | None = None
