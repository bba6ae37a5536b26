"""The days at home as a form: a language, and a row for each round with its time, its parts and its days."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from koffert_hub.at_home import LANGUAGES, AtHome, read_round, written
from koffert_wire.commands import EVERY_DAY, MOST_ROUNDS, Round

# Each day, working days, weekends; another choice that was made by command line stays as it is.
USUAL_DAYS = ("mon-sun", "mon-fri", "sat-sun")
_SPARE_ROWS = 2


class Row(Struct, frozen=True):
    """One row of the form; `at` is empty where nothing is agreed."""

    at: str = ""
    blow: bool = True
    questions: bool = True
    days: str = USUAL_DAYS[0]


def rows(schedule: tuple[Round, ...]) -> list[Row]:
    """What stands, and room for more."""
    filled = [_row(one) for one in schedule]
    return (filled + [Row()] * _SPARE_ROWS)[:MOST_ROUNDS]


def agreed(form: Mapping[str, str]) -> AtHome:
    """What the form asks for: a row without a time is none. Raises ImpossibleSchedule."""
    language = form.get("language", "")
    return AtHome(language if language in LANGUAGES else None, tuple(_rounds(form)))


def _rounds(form: Mapping[str, str]) -> Iterator[Round]:
    for number in range(MOST_ROUNDS):
        at = form.get(f"at_{number}", "").strip()
        if at:
            parts = [part for part in ("blow", "questions") if form.get(f"{part}_{number}")]
            what = ",".join(parts) or "clip"
            yield read_round(f"{at}/{what}/{form.get(f'days_{number}', '')}")


def _row(one: Round) -> Row:
    usual = {read_round(f"00:00//{days}").weekdays: days for days in USUAL_DAYS}
    clock, _, rest = written(one).partition("/")
    named = usual.get(one.weekdays) or rest.partition("/")[2]
    return Row(clock, one.blow, one.questions, named if one.weekdays != EVERY_DAY else "mon-sun")
