"""One sentence for the next try, taken from the grading; what the kiosk shows and the nurse says."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from koffert_signal.spirometry.faults import Fault

# A rise from 10 to 90 % of peak flow that takes longer is no full effort (Graham 2019).
LONGEST_RISE_S = 0.150


class Hint(Struct, frozen=True):
    """What to do better, in plain words; `key` is stable, for recorded voices and logs."""

    key: str
    text_nb: str
    text_en: str


WELL_DONE = Hint("well-done", "Fint blåst!", "Well blown!")
BLAST = Hint(
    "blast-out",
    "Blås ut så hardt du kan, helt fra starten.",
    "Blast out as hard as you can, right from the start.",
)
# In the order in which they are said: the first that applies is the one hint for the next try.
HINTS: tuple[tuple[Fault, Hint], ...] = (
    (
        Fault.ZERO_FLOW,
        Hint(
            "hold-still",
            "Hold apparatet stille og vent litt før du blåser.",
            "Hold the device still and wait a moment before you blow.",
        ),
    ),
    (
        Fault.OBSTRUCTION,
        Hint(
            "clear-mouthpiece",
            "Hold tunge og tenner unna åpningen i munnstykket.",
            "Keep tongue and teeth clear of the mouthpiece.",
        ),
    ),
    (
        Fault.LEAK,
        Hint(
            "close-lips",
            "Lukk leppene tett rundt munnstykket.",
            "Close your lips tightly around the mouthpiece.",
        ),
    ),
    (
        Fault.SLOW_START,
        Hint(
            "start-at-once",
            "Ikke nøl: trekk pusten helt inn, og blås av full kraft med en gang.",
            "Do not hesitate: breathe all the way in, then blow with full force at once.",
        ),
    ),
    (
        Fault.CLOSURE_FIRST_SECOND,
        Hint(
            "open-throat",
            "Hold halsen åpen og la lufta strømme hele tiden.",
            "Keep your throat open and let the air flow all the time.",
        ),
    ),
    (
        Fault.COUGH_FIRST_SECOND,
        Hint(
            "no-cough",
            "Du hostet. Hvil litt, ta en slurk vann, og prøv igjen.",
            "You coughed. Rest a little, take a sip of water, and try again.",
        ),
    ),
    (
        Fault.NOT_FULL,
        Hint(
            "fill-up",
            "Fyll lungene helt før du blåser.",
            "Fill your lungs completely before you blow.",
        ),
    ),
    (
        Fault.CLOSURE_LATER,
        Hint(
            "keep-flowing",
            "Hold halsen åpen helt til det er tomt.",
            "Keep your throat open until you are empty.",
        ),
    ),
    (
        Fault.NO_END,
        Hint(
            "keep-blowing",
            "Fortsett å blåse lenger, til streken er nådd.",
            "Keep blowing longer, until the line is reached.",
        ),
    ),
)


def hint_for(reasons: Iterable[Fault], rise_time_s: float | None = None) -> Hint:
    """Return the one hint for the next try; a slow rise is mentioned only where nothing worse was."""
    found = frozenset(reasons)
    for fault, hint in HINTS:
        if fault in found:
            return hint
    slow = rise_time_s is not None and rise_time_s > LONGEST_RISE_S
    return BLAST if slow else WELL_DONE
