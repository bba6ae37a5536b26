"""Lead names in one spelling, their order, and the four limb leads that follow from I and II."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from koffert_drivers.stills.errors import DamagedStill, TooLarge
from koffert_drivers.stills.records import NO_SAMPLE, Lead, Samples

# Samples while they are worked on: room for sums and differences.
Wide = npt.NDArray[np.int64]

STANDARD_ORDER = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
_BY_FOLDED = {name.casefold(): name for name in STANDARD_ORDER}
# Each limb lead as (of I, of II, half): half means that one stored unit is half as large.
_DERIVED = {
    "III": (-1, 1, False),
    "aVR": (-1, -1, True),
    "aVL": (2, -1, True),
    "aVF": (-1, 2, True),
}
# Two minutes of twelve leads at 8 kHz; a still has ten seconds.
MOST_SAMPLES = 12_000_000
# A shift that is smaller comes from limits that were written with few digits.
SMALLEST_SHIFT_UV = 0.005
NANOVOLT_UV = 0.001
# A recorder's unit is a tenth of a nanovolt or more; and 1 kV is not of a heart.
SMALLEST_GAIN_UV, LARGEST_UV = 1e-4, 1e9


def canonical(name: str) -> str:
    """Return the standard spelling of a lead name, with or without prefix; others as they are."""
    bare = name.strip().removeprefix("MDC_ECG_LEAD_").removeprefix("ECG ").removeprefix("Lead ")
    return _BY_FOLDED.get(bare.casefold(), bare)


def in_order(leads: Sequence[Lead]) -> tuple[Lead, ...]:
    """Return the leads in the standard order, others after them as they came."""
    places = {name: place for place, name in enumerate(STANDARD_ORDER)}
    return tuple(sorted(leads, key=lambda lead: places.get(lead.name, len(places))))


def with_derived(leads: Sequence[Lead]) -> tuple[Lead, ...]:
    """Add the limb leads that are missing, exactly: no rounding, half a unit where halves occur.

    Leads are added where one piece each of I and II is there, of one time, length and unit.
    """
    pieces = {name: [lead for lead in leads if lead.name == name] for name in ("I", "II")}
    if any(len(found) != 1 for found in pieces.values()):
        return in_order(leads)
    one, two = pieces["I"][0], pieces["II"][0]
    together = one.samples.shape == two.samples.shape and one.start_s == two.start_s
    if not together or one.gain_uv != two.gain_uv:
        return in_order(leads)
    present = {lead.name for lead in leads}
    missing = [_derived(name, one, two) for name in _DERIVED if name not in present]
    return in_order([*leads, *missing])


def shifted_lead(
    name: str, values: Wide, gain_uv: float, zero_uv: float, start_s: float = 0.0
) -> Lead:
    """Return a lead whose stored 0 stands for `zero_uv`.

    In whole units where the shift is one, in half units where converters' uneven ranges (-2048 to 2047)
    make it so, else in nanovolts. Raises DamagedStill for scales that cannot be.
    """
    if not (SMALLEST_GAIN_UV <= gain_uv <= LARGEST_UV and abs(zero_uv) <= LARGEST_UV):
        raise DamagedStill("a scale that no recorder has")
    missing = values == NO_SAMPLE
    for unit_uv, parts in ((gain_uv, 1), (gain_uv / 2, 2)):
        shift = round(zero_uv / unit_uv)
        if abs(shift * unit_uv - zero_uv) < SMALLEST_SHIFT_UV:
            moved = np.where(missing, NO_SAMPLE, values * parts + shift)
            return Lead(name, frozen(moved), unit_uv, start_s)
    nanovolts = np.rint((values * gain_uv + zero_uv) / NANOVOLT_UV)
    moved = np.where(missing, NO_SAMPLE, nanovolts)
    return Lead(name, frozen(moved), NANOVOLT_UV, start_s)


def frozen(values: npt.ArrayLike) -> Samples:
    """Return whole numbers as read-only samples; raises DamagedStill for numbers beyond 32 bits."""
    wide = np.asarray(values)
    if wide.size > MOST_SAMPLES:
        raise TooLarge("more samples than any still holds")
    if wide.size and (wide.min() < NO_SAMPLE or wide.max() > 2**31 - 1):
        raise DamagedStill("samples are larger than any recorder's")
    samples = np.array(wide, dtype=np.int32)
    samples.setflags(write=False)
    return samples


def _derived(name: str, one: Lead, two: Lead) -> Lead:
    of_one, of_two, half = _DERIVED[name]
    first, second = one.samples.astype(np.int64), two.samples.astype(np.int64)
    values = of_one * first + of_two * second
    values[(one.samples == NO_SAMPLE) | (two.samples == NO_SAMPLE)] = NO_SAMPLE
    gain_uv = one.gain_uv / 2 if half else one.gain_uv
    return Lead(name, frozen(values), gain_uv, one.start_s, derived=True)
