"""Spoken prompts: each fixed sentence rendered once, found again by its words; what a nurse writes, when it is said."""

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
_SPEAKS_WITHIN_S = 10.0


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


class Speaker:
    """Knows how each sentence of a screen sounds. Without a folder of voices the screen is silent."""

    def __init__(self, folder: Path | None) -> None:
        there = folder is not None and folder.is_dir()
        self._files = {file.name: file for file in folder.glob("*.wav")} if folder and there else {}
        self._espeak = shutil.which("espeak-ng") if there else None
        # What the screen says now and no file holds: it is spoken when the page asks for it, and not kept.
        self._unrendered: dict[str, tuple[str, str]] = {}

    def clips(self, said: Iterable[str], language: str) -> list[str]:
        """The names of these sentences' sounds; those that nothing here can say are left out."""
        named = [(clip_name(text), text) for text in said]
        self._unrendered = {
            name: (text, language)
            for name, text in named
            if self._espeak is not None and name not in self._files
        }
        return [name for name, _ in named if name in self._files or name in self._unrendered]

    def sound_of(self, name: str) -> bytes | None:
        """The WAV of a name that `clips` gave; None for any other, and where speaking fails. Blocks."""
        if name in self._files:
            return self._files[name].read_bytes()
        if name not in self._unrendered or self._espeak is None:
            return None
        text, language = self._unrendered[name]
        command = [*_speaks(self._espeak, language), "--stdout", "--", text]
        done = subprocess.run(command, check=False, capture_output=True, timeout=_SPEAKS_WITHIN_S)  # noqa: S603
        return done.stdout if done.returncode == 0 else None


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
        command = [*_speaks(espeak, language), "-w", str(file), text]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - no shell, own texts
    return len(missing)


def _speaks(espeak: str, language: str) -> list[str]:
    return [espeak, "-v", _VOICES[language], "-s", _WORDS_PER_MINUTE]
