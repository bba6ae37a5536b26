"""The `[kiosk]` table of agent.toml: what the patient's screen must know beside the measurements."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from koffert_agent.panel.settings import PanelSettings
from koffert_wire.toml_place import fault_of, where

Port = Annotated[int, Meta(ge=0, le=65535)]
# The whole number as it is said aloud and dialled; nothing but digits, spaces and a leading plus.
Telephone = Annotated[str, Meta(pattern=r"^\+?[0-9][0-9 ]{1,20}$")]
Language = Literal["nb", "nn", "en"]


class KioskSettingsError(Exception):
    """The table cannot be used; the message names file and reason."""


class KioskSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The table. Limits, staffing hours and the number to ring come from the hub (`BoxSettings`).

    `nurse_telephone` is said where the hub has named no number. `voices` is the folder of spoken prompts; without it the screen is silent. Paths may be relative to the file.
    """

    port: Port = 8780
    language: Language = "nb"
    nurse_telephone: Telephone | None = None
    voices: str | None = None
    panel: PanelSettings | None = None


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
    except msgspec.ValidationError as error:
        fault = fault_of(str(error))
        raise KioskSettingsError(f"{where(path, fault.place)}: {error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KioskSettingsError(f"{path}: {error}") from error
    folder = path.resolve().parent
    voices = file.kiosk.voices
    return KioskPlace(
        folder / file.data_dir, None if voices is None else folder / voices, file.kiosk
    )
