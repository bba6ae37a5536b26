"""What the staff agree with a patient for the days at home: when to measure, and in which language.

In the caller's transaction. The box hears of a change as it does of a limit (`provisioning.box_settings`).
"""

import re
from collections.abc import Iterable

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.provisioning.tables import at_home
from koffert_hub.registry import RegistryError
from koffert_wire.commands import EVERY_DAY, MOST_ROUNDS, Round

# What the screen at home has texts and a voice for.
LANGUAGES = ("nb", "nn", "en")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_CLIP, _BLOW, _QUESTIONS = "clip", "blow", "questions"
_PARTS = {_CLIP, _BLOW, _QUESTIONS}
_APART = "; "


class ImpossibleSchedule(ValueError):
    """The schedule cannot be meant so; nothing is changed."""


class AtHome(Struct, frozen=True):
    """What holds at home: the centre's language without one, everything at any time without rounds."""

    language: str | None = None
    schedule: tuple[Round, ...] = ()


class Agreed(Struct, frozen=True):
    """What was agreed, when, and who wrote it down."""

    home: AtHome
    at_ms: int
    by: str


def agree(connection: sa.Connection, patient: str, home: AtHome, by: str, *, now_ms: int) -> AtHome:
    """This holds from now on, sorted by time; what held before stays to be read.

    Raises RegistryError (no such patient, nobody's name) and ImpossibleSchedule.
    """
    known = sa.select(tables.patient.c.key).where(
        tables.patient.c.key == patient, tables.patient.c.erased_ms.is_(None)
    )
    if connection.execute(known).first() is None:
        raise RegistryError(f"no patient {patient}")
    if not by.strip():
        raise RegistryError("say who agreed it with the patient")
    checked = _checked(home)
    if checked != standing(connection, patient):
        connection.execute(
            at_home.insert().values(
                patient=patient,
                at_ms=now_ms,
                by=by,
                language=checked.language,
                schedule=_APART.join(map(written, checked.schedule)),
            )
        )
    return checked


def agreements(connection: sa.Connection, patient: str) -> list[Agreed]:
    """All that was agreed, the one that holds first."""
    rows = connection.execute(
        sa.select(at_home).where(at_home.c.patient == patient).order_by(at_home.c.id.desc())
    )
    return [Agreed(_read(row.language, row.schedule), row.at_ms, row.by) for row in rows]


def standing(connection: sa.Connection, patient: str) -> AtHome:
    """What holds for a patient now."""
    newest = agreements(connection, patient)[:1]
    return newest[0].home if newest else AtHome()


def read_round(text: str) -> Round:
    """One round as people write it, `HH:MM[/WHAT[/DAYS]]`; raises ImpossibleSchedule.

    WHAT is `clip` alone, or what comes after the clip: `blow`, `questions` (both when left out). DAYS are
    `mon,wed` or `mon-fri`, every day when left out.
    """
    clock, _, rest = text.strip().lower().partition("/")
    what, _, days = rest.partition("/")
    time = _TIME.fullmatch(clock)
    if time is None:
        raise ImpossibleSchedule(f"{text!r} does not begin with a time of the day, such as 09:00")
    parts = set(filter(None, what.split(","))) or {_BLOW, _QUESTIONS}
    if not parts <= _PARTS:
        unknown = ", ".join(sorted(parts - _PARTS))
        raise ImpossibleSchedule(f"{text!r}: {unknown} is none of clip, blow, questions")
    at_min = int(time[1]) * 60 + int(time[2])
    return Round(at_min, _BLOW in parts, _QUESTIONS in parts, _days(text, days))


def written(one: Round) -> str:
    """The round as `read_round` takes it."""
    parts = [name for name, asked in ((_BLOW, one.blow), (_QUESTIONS, one.questions)) if asked] or [
        _CLIP
    ]
    days = [name for bit, name in enumerate(WEEKDAYS) if one.weekdays & 1 << bit]
    clock = f"{one.at_min // 60:02}:{one.at_min % 60:02}"
    on = "" if one.weekdays == EVERY_DAY else "/" + ",".join(days)
    return f"{clock}/{','.join(parts)}{on}"


def _checked(home: AtHome) -> AtHome:
    if home.language is not None and home.language not in LANGUAGES:
        raise ImpossibleSchedule(f"{home.language!r} is none of {', '.join(LANGUAGES)}")
    if len(home.schedule) > MOST_ROUNDS:
        raise ImpossibleSchedule(f"at most {MOST_ROUNDS} rounds, not {len(home.schedule)}")
    taken: dict[int, int] = {}
    for one in home.schedule:
        if taken.get(one.at_min, 0) & one.weekdays:
            raise ImpossibleSchedule(f"{written(one).partition('/')[0]} is there twice")
        taken[one.at_min] = taken.get(one.at_min, 0) | one.weekdays
    ordered = sorted(home.schedule, key=lambda one: (one.at_min, one.weekdays))
    return msgspec.structs.replace(home, schedule=tuple(ordered))


def _days(text: str, days: str) -> int:
    if not days:
        return EVERY_DAY
    return _bits(number for part in days.split(",") for number in _span(text, part))


def _span(text: str, part: str) -> range:
    first, dash, last = part.partition("-")
    for name in (first, last) if dash else (first,):
        if name not in WEEKDAYS:
            raise ImpossibleSchedule(f"{text!r}: {name!r} is none of {', '.join(WEEKDAYS)}")
    start = WEEKDAYS.index(first)
    end = WEEKDAYS.index(last) if dash else start
    if end < start:
        raise ImpossibleSchedule(f"{text!r}: {part} runs backwards")
    return range(start, end + 1)


def _bits(numbers: Iterable[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits


def _read(language: str | None, schedule: str) -> AtHome:
    return AtHome(language, tuple(map(read_round, filter(None, schedule.split(_APART)))))
