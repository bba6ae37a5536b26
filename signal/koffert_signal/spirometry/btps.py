"""Gas volume at body temperature: what a spirometer that measures at room temperature must multiply by."""

from __future__ import annotations

from math import exp

from koffert_signal.errors import InvalidInput

BODY_C = 37.0
KELVIN = 273.15
# Saturated water vapour at body temperature, and the pressure of a standard atmosphere, in mmHg.
BODY_VAPOUR_MMHG = 47.08
SEA_LEVEL_MMHG = 760.0
# A spirometer is used in a room, below the highest town and above the deepest mine.
ROOM_RANGE_C = (0.0, 50.0)
PRESSURE_RANGE_MMHG = (350.0, 900.0)


def btps_factor(temperature_c: float, pressure_mmhg: float = SEA_LEVEL_MMHG) -> float:
    """Return volume at BTPS over volume at room temperature, saturated (ATPS).

    Raises InvalidInput for a room where no one blows.
    """
    low, high = ROOM_RANGE_C
    if not low <= temperature_c <= high:
        raise InvalidInput(f"{temperature_c:g} °C is no room: {low:g} to {high:g} °C")
    low, high = PRESSURE_RANGE_MMHG
    if not low <= pressure_mmhg <= high:
        raise InvalidInput(f"{pressure_mmhg:g} mmHg is no air pressure: {low:g} to {high:g} mmHg")
    dry = (pressure_mmhg - vapour_mmhg(temperature_c)) / (pressure_mmhg - BODY_VAPOUR_MMHG)
    return dry * (KELVIN + BODY_C) / (KELVIN + temperature_c)


def vapour_mmhg(temperature_c: float) -> float:
    """Return the pressure of saturated water vapour (Magnus formula, coefficients of Sonntag 1990)."""
    pascal = 611.2 * exp(17.62 * temperature_c / (243.12 + temperature_c))
    return pascal / 133.322
