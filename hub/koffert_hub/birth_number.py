"""The Norwegian birth number and its kin (D, H and synthetic test numbers): 11 digits, two of them a check."""

from collections.abc import Sequence

_FIRST_WEIGHTS = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_DIGITS = 11
# Numbers given before 2032 leave 0; those given after that 0 to 3, so that there are enough of them (Skatteetaten,
# "Nytt fødselsnummer fra 2032"). The second check stays as it was.
_FIRST_REMAINDERS = range(4)


def compact(text: str) -> str:
    """The digits alone: people write it in groups."""
    return "".join(text.split())


def is_birth_number(number: str) -> bool:
    """Whether both check digits fit (modulus 11), so that one digit mistyped or two swapped is noticed.

    The date in it is not judged: D, H, FH and synthetic test numbers write it in ways of their own, and numbers given
    from 2032 on say nothing of sex and century.
    """
    if len(number) != _DIGITS or not (number.isascii() and number.isdigit()):
        return False
    digits = [int(digit) for digit in number]
    first = _remainder(_FIRST_WEIGHTS, digits)
    return first in _FIRST_REMAINDERS and _remainder(_SECOND_WEIGHTS, digits) == 0


def _remainder(weights: Sequence[int], digits: Sequence[int]) -> int:
    return sum(weight * digit for weight, digit in zip(weights, digits, strict=False)) % 11


def spaced(number: str) -> str:
    """As people read it aloud: date, then the rest."""
    return f"{number[:6]} {number[6:]}"
