"""Texts: each language has all of them, each is used, and none is longer than the screen is wide."""

import re
from pathlib import Path

import pytest

from koffert_agent.kiosk.catalogue import LANGUAGES, load_catalogue
from koffert_agent.kiosk.flow import BUTTONS, MAJORS, MINORS
from koffert_signal.spirometry.coaching import BLAST, HINTS, WELL_DONE

_ROOT = Path(__file__).parents[3]
_PLACEHOLDER = re.compile(r"\{\w+\}")
# Three lines of 7 mm letters on a seven-inch panel.
_MOST_LETTERS = 66
CATALOGUES = {language: load_catalogue(language) for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text_with_the_same_places_to_fill(language: str) -> None:
    nb, other = CATALOGUES["nb"].texts, CATALOGUES[language].texts
    assert set(other) == set(nb)
    for key, text in other.items():
        assert text.strip() == text != "", key
        assert len(text) <= _MOST_LETTERS, key
        assert sorted(_PLACEHOLDER.findall(text)) == sorted(_PLACEHOLDER.findall(nb[key])), key


def test_every_text_is_used() -> None:
    folder = _ROOT / "device_agent" / "koffert_agent" / "kiosk"
    sources = "\n".join(file.read_text("utf-8") for file in folder.glob("*.py"))
    composed = {f"{step.value}.ask" for step in (*MAJORS, *MINORS)}
    composed |= {f"button.{event.value}" for event in BUTTONS}
    families = tuple(re.findall(r'f"([a-z_]+\.)\{', sources))
    unused = [
        key
        for key in CATALOGUES["nb"].texts
        if f'"{key}"' not in sources
        and key not in composed
        and not key.startswith(families)
        and key not in {"oxygen.ask", "rest.ask", "reliever.ask", "blow_ask.ask"}
    ]
    assert unused == []


def test_every_hint_of_the_grading_has_its_words() -> None:
    keys = {hint.key for _, hint in HINTS} | {WELL_DONE.key, BLAST.key}
    texts = CATALOGUES["nb"].texts
    assert {key.removeprefix("hint.") for key in texts if key.startswith("hint.")} == keys


def test_no_text_speaks_of_machines_or_alarm() -> None:
    frightening = re.compile(
        r"alarm|feil kode|error|fare(?! for liv)|kritisk|rød|server|gateway", re.IGNORECASE
    )
    for key, text in CATALOGUES["nb"].texts.items():
        if key == "plan.red":  # what the patient's own plan calls it, and only read when asked for
            continue
        assert not frightening.search(text), key
