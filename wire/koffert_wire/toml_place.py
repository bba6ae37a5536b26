"""Where in a TOML file something stands that is wrong, so that a person finds the line."""

import re
from pathlib import Path
from typing import NamedTuple

# `[hub]`, `[[sensors]]` and `port = 1883`; a line that only looks like one, in a text of several lines, at
# worst gives a wrong line number.
_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")
# "Object contains unknown field `prot` - at `$.hub`"
_VALIDATION = re.compile(r"(?P<reason>.*?)(?: - at `\$\.?(?P<place>.*)`)?", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`")


class Fault(NamedTuple):
    """What is wrong at `place` (`hub.port`, `sensors[1].driver`, empty for the whole file)."""

    place: str
    reason: str


def fault_of(message: str) -> Fault:
    """What a msgspec.ValidationError says, with the place down to the unknown key."""
    match = _VALIDATION.fullmatch(message)
    reason, place = (match["reason"], match["place"] or "") if match else (message, "")
    if unknown := _UNKNOWN_FIELD.fullmatch(reason):
        place = f"{place}.{unknown[1]}".lstrip(".")
    return Fault(place, reason)


def line_of(text: str, place: str) -> int | None:
    """The line (from 1) of `place`, or of the nearest thing around it that stands in the file."""
    lines = _lines(text)
    while place and place not in lines:
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return lines.get(place)


def where(path: Path, place: str) -> str:
    """`path`, with the line of `place` where the file can be read: what stands before an error."""
    try:
        line = line_of(path.read_text(encoding="utf-8"), place)
    except (OSError, UnicodeDecodeError):
        line = None
    return str(path) if line is None else f"{path}:{line}"


def _lines(text: str) -> dict[str, int]:
    """Each table and key with the line where it begins."""
    lines: dict[str, int] = {}
    tables: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLE.match(line):
            table = _plain(match[2])
            if match[1] == "[[":
                count = tables[table] = tables.get(table, -1) + 1
                table = f"{table}[{count}]"
            lines.setdefault(table, number)
        elif match := _KEY.match(line):
            key = _plain(match[1])
            lines.setdefault(f"{table}.{key}" if table else key, number)
    return lines


def _plain(key: str) -> str:
    return key.replace('"', "").replace("'", "")
