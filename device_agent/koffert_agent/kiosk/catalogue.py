"""Every text that the patient reads or hears, by language."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

from msgspec import Struct

LANGUAGES = ("nb", "nn", "en")

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Catalogue(Struct, frozen=True):
    """The texts of one language by dotted key."""

    language: str
    texts: Mapping[str, str]

    def text(self, key: str, **values: object) -> str:
        """The text named `key` with `{name}` filled in; KeyError when there is none."""
        return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), self.texts[key])


def load_catalogue(language: str) -> Catalogue:
    """Read one language from the package."""
    file = resources.files("koffert_agent.kiosk") / "locale" / f"{language}.toml"
    table = tomllib.loads(file.read_text("utf-8"))
    return Catalogue(language, MappingProxyType(dict(_flatten(table))))


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
