"""What is looked for in a register, as it stands in the address bar: a filter is a link."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from koffert_hub.log_record import Direction, Event, Result
from koffert_hub.log_search import Query

_ZONE = ZoneInfo("Europe/Oslo")
_E = TypeVar("_E", bound=StrEnum)
# 18 digits fit 64 bits.
_MAX_DIGITS = 18


class BadFilter(Exception):
    """The address was changed by hand into something that is no filter."""


class RegisterFilter(Struct, frozen=True, kw_only=True, rename={"start": "from"}):
    """The filter's fields as texts, empty where anything goes; times are local, as `2026-11-22T02:35`."""

    start: str = ""
    until: str = ""
    device: str = ""
    direction: str = ""
    event: str = ""
    content: str = ""
    result: str = ""
    patient: str = ""

    def query(self, *, after: int | None = None, before: int | None = None) -> Query:
        """What the register is asked; raises BadFilter."""
        return Query(
            from_ms=self.from_ms,
            until_ms=self.until_ms,
            device=self.device or None,
            direction=_member(Direction, self.direction),
            event=_member(Event, self.event),
            content=self.content or None,
            result=_member(Result, self.result),
            patient=self.patient or None,
            after=after,
            before=before,
        )

    @property
    def from_ms(self) -> int | None:
        """The first moment; in the hour that an autumn night has twice, the earlier one."""
        return _moment_ms(self.start, fold=0)

    @property
    def until_ms(self) -> int | None:
        """The moment before which; of an hour that comes twice, the later one."""
        return _moment_ms(self.until, fold=1)

    def address(self, **more: object) -> str:
        """The query string that leads here again, with `more` added."""
        stated = {key: value for key, value in msgspec.to_builtins(self).items() if value}
        return urlencode({**stated, **more})


def parse_filter(parameters: Mapping[str, str]) -> RegisterFilter:
    """The filter in an address; what it does not know is left alone."""
    names = (field.encode_name for field in msgspec.structs.fields(RegisterFilter))
    stated = {name: parameters[name].strip() for name in names if name in parameters}
    return msgspec.convert(stated, RegisterFilter)


def parse_sequence(text: str) -> int | None:
    """A record's number, None for no text; raises BadFilter."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise BadFilter(text)
    return int(text)


def _moment_ms(text: str, *, fold: int) -> int | None:
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=_ZONE, fold=fold)
        return round(local.timestamp() * 1_000)
    except (ValueError, OverflowError) as error:
        raise BadFilter(text) from error


def _member(kind: type[_E], text: str) -> _E | None:
    if not text:
        return None
    try:
        return kind(text)
    except ValueError as error:
        raise BadFilter(text) from error
