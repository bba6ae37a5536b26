"""The Norwegian birth number and its kin (D, H and synthetic test numbers): 11 digits, two of them a check."""

_FIRST_WEIGHTS = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_DIGITS = 11


def compact(text: str) -> str:
    """The digits alone: people write it in groups."""
    return "".join(text.split())


def is_birth_number(number: str) -> bool:
    """Whether both check digits fit (modulus 11), so that one digit mistyped or two swapped is noticed.

    The date in it is not judged: D, H, FH and synthetic test numbers write it in ways of their own.
    """
    if len(number) != _DIGITS or not (number.isascii() and number.isdigit()):
        return False
    digits = [int(digit) for digit in number]
    return not any(
        sum(weight * digit for weight, digit in zip(weights, digits, strict=False)) % 11
        for weights in (_FIRST_WEIGHTS, _SECOND_WEIGHTS)
    )


def spaced(number: str) -> str:
    """As people read it aloud: date, then the rest."""
    return f"{number[:6]} {number[6:]}"
