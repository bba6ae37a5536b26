"""Whom reference values are for. Pure."""

from datetime import UTC, date, datetime
from typing import Self

from msgspec import Struct

from koffert_signal.reference.gli import Person, Reference, Sex

# The mean year of the Gregorian calendar.
_DAYS_PER_YEAR = 365.2425


class Physique(Struct, frozen=True, kw_only=True):
    """What the equations ask for, and which of them are to be used for this patient."""

    sex: Sex
    birth_date: date
    height_cm: float
    reference: Reference

    @classmethod
    def entered(cls, sex: Sex, birth_date: str, height_cm: float, reference: Reference) -> Self:
        """From a form or a table; raises ValueError for what is no ISO date."""
        born = date.fromisoformat(birth_date)
        return cls(sex=sex, birth_date=born, height_cm=height_cm, reference=reference)

    def person_at(self, at_ms: int) -> Person:
        """The person on the day of a measurement."""
        day = datetime.fromtimestamp(at_ms / 1000, UTC).date()
        age_y = (day - self.birth_date).days / _DAYS_PER_YEAR
        return Person(sex=self.sex, age_y=age_y, height_cm=self.height_cm)
