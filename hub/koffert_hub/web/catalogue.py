"""Every text that a person reads, by language."""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

from msgspec import Struct

# The first is what people get who have chosen none.
LANGUAGES = ("nb", "nn", "en")
# What each is called in HTML and by the browser's own formatting.
LOCALES = MappingProxyType({"nb": "nb-NO", "nn": "nn-NO", "en": "en-GB"})
# Texts below this heading go into the page for its script.
_CLIENT = "client."

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Catalogue(Struct, frozen=True):
    """The texts of one language by dotted key."""

    language: str
    texts: Mapping[str, str]

    @property
    def locale(self) -> str:
        """The BCP 47 tag."""
        return LOCALES[self.language]

    def text(self, key: str, **parameters: object) -> str:
        """The text named `key` with `{name}` filled in; KeyError when there is none."""
        return _PLACEHOLDER.sub(lambda match: str(parameters[match[1]]), self.texts[key])

    def counted(self, key: str, count: int) -> str:
        """The text of a counted thing: `key.one` or `key.other`."""
        return self.text(f"{key}.{'one' if count == 1 else 'other'}", count=count)

    def for_script(self) -> dict[str, str]:
        """What the page's script needs, keys without the heading."""
        return {
            key.removeprefix(_CLIENT): value
            for key, value in self.texts.items()
            if key.startswith(_CLIENT)
        }


def load_catalogues() -> dict[str, Catalogue]:
    """Read every language from the package."""
    folder = resources.files("koffert_hub.web") / "locale"
    return {
        language: Catalogue(language, _flatten(tomllib.loads(file.read_text("utf-8"))))
        for language in LANGUAGES
        for file in [folder / f"{language}.toml"]
    }


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
