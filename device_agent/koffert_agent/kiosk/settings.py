"""The `[kiosk]` table of agent.toml: what the patient's screen must know beside the measurements."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Port = Annotated[int, Meta(ge=0, le=65535)]
# The whole number as it is said aloud and dialled; nothing but digits, spaces and a leading plus.
Telephone = Annotated[str, Meta(pattern=r"^\+?[0-9][0-9 ]{1,20}$")]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-4]):[0-5][0-9]$")]
Language = Literal["nb", "nn", "en"]


class KioskSettingsError(Exception):
    """The table cannot be used; the message names file and reason."""


class StaffedHours(Struct, frozen=True, forbid_unknown_fields=True):
    """When somebody at the centre follows the readings: weekdays 1 (Monday) to 7, local time."""

    weekdays: tuple[Annotated[int, Meta(ge=1, le=7)], ...]
    start: TimeOfDay
    end: TimeOfDay


class Floors(Struct, frozen=True, forbid_unknown_fields=True):
    """Beyond these a reading is taken once more: the responsible doctor's limits for red.

    The defaults are the rule set's for scale 2 (hypercapnic patients); SpO2 in %, pulse in beats/min.
    """

    spo2_pct: float = 83.0
    pulse_low_bpm: float = 40.0
    pulse_high_bpm: float = 131.0


class KioskSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The table. Without `staffed` the screen never says that somebody is watching.

    `voices` is the folder of spoken prompts; without it the screen is silent. Paths may be relative to the file.
    """

    port: Port = 8780
    language: Language = "nb"
    nurse_telephone: Telephone | None = None
    staffed: StaffedHours | None = None
    floors: Floors = Floors()
    voices: str | None = None


class KioskPlace(Struct, frozen=True):
    """What the kiosk's process needs of agent.toml: no key, no certificate."""

    data_dir: Path
    voices: Path | None
    settings: KioskSettings


class _File(Struct, frozen=True):
    data_dir: str
    kiosk: KioskSettings = KioskSettings()


def load_kiosk_settings(path: Path) -> KioskPlace:
    """Read the table and the data folder of agent.toml; raises KioskSettingsError."""
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except OSError as error:
        raise KioskSettingsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise KioskSettingsError(f"{path}: {error}") from error
    folder = path.resolve().parent
    voices = file.kiosk.voices
    return KioskPlace(
        folder / file.data_dir, None if voices is None else folder / voices, file.kiosk
    )
