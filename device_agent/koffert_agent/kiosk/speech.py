"""Spoken prompts: every sentence that can be said, rendered once, found again by its words."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from koffert_agent.kiosk.catalogue import Catalogue
from koffert_agent.kiosk.contents import in_one_piece

# What may be read out; a meter's whole range of living people.
_SPO2_PCT = range(50, 101)
_PULSE_BPM = range(25, 221)
# espeak-ng has no Nynorsk.
_VOICES = {"nb": "nb", "nn": "nb", "en": "en-gb"}
# Slower than its 175: the listener is old, and sits in a kitchen.
_WORDS_PER_MINUTE = "140"


class NoVoiceError(Exception):
    """espeak-ng is not on this machine."""


def clip_name(text: str) -> str:
    """The file of a sentence."""
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.wav"


def sentences(texts: Catalogue, telephone: str | None) -> Iterator[str]:
    """All that can be said in one language: texts without gaps, telephone numbers, and values."""
    number = in_one_piece(telephone)
    for key, text in texts.texts.items():
        if "{" not in text:
            yield text
        elif "{telephone}" in text:
            yield texts.text(key, telephone=number)
    for spo2_pct in _SPO2_PCT:
        yield texts.text("spoken.percent", number=spo2_pct)
    for pulse_bpm in _PULSE_BPM:
        yield texts.text("spoken.pulse", number=pulse_bpm)


def known_clips(folder: Path | None) -> frozenset[str]:
    """The sentences that have a voice, by file name."""
    if folder is None or not folder.is_dir():
        return frozenset()
    return frozenset(file.name for file in folder.glob("*.wav"))


def render(folder: Path, language: str, said: Iterable[str]) -> int:
    """Let espeak-ng say what has no voice yet; returns how many; raises NoVoiceError.

    A file that is there stays: a person may have recorded it.
    """
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        raise NoVoiceError("espeak-ng is not on this machine")
    folder.mkdir(parents=True, exist_ok=True)
    missing = [text for text in said if not (folder / clip_name(text)).exists()]
    for text in missing:
        file = folder / clip_name(text)
        command = [espeak, "-v", _VOICES[language], "-s", _WORDS_PER_MINUTE, "-w", str(file), text]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - no shell, own texts
    return len(missing)
