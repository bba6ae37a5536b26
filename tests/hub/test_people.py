"""Birth numbers and names: what is noticed before a patient is taken for another."""

import pytest

from koffert_hub.alike_names import alike, name_key
from koffert_hub.birth_number import compact, is_birth_number, spaced

# Synthetic numbers: 80 is added to the month, so they name no one.
NUMBER = "01815012433"


def test_every_single_mistyped_digit_is_noticed() -> None:
    assert is_birth_number(NUMBER)
    wrong = {
        NUMBER[:place] + digit + NUMBER[place + 1 :]
        for place in range(len(NUMBER))
        for digit in "0123456789"
    } - {NUMBER}
    assert not any(map(is_birth_number, wrong))


def test_two_neighbours_swapped_are_noticed() -> None:
    swapped = {
        NUMBER[:place] + NUMBER[place + 1] + NUMBER[place] + NUMBER[place + 2 :]
        for place in range(len(NUMBER) - 1)
    } - {NUMBER}
    assert not any(map(is_birth_number, swapped))


@pytest.mark.parametrize("text", ["", "0181501243", "018150124330", "01815O12433", "٠١٨١٥٠١٢٣٨٤"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert not is_birth_number(text)


def test_numbers_are_read_and_written_in_groups() -> None:
    assert compact(" 018150 12433 ") == NUMBER
    assert spaced(NUMBER) == "018150 12433"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Testpasient Kristian", "Testpasient Christian"),
        ("Ola Testpasient", "Ole Testpassient"),
        ("Kari Nordtest", "Karin Nortest"),
        ("Testpasient Øst", "testpasient ost"),
        ("Testpasient 1", "Testpasient  1"),
    ],
)
def test_names_that_sound_alike_share_a_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)
    assert alike([one, other, "Testpasient 7"]) == {name_key(one)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Testpasient 1", "Testpasient 2"),
        ("Testpasient Nord", "Testpasient Sør"),
        ("Kari Nordtest", "Ola Nordtest"),
    ],
)
def test_names_that_are_told_apart_do_not(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


def test_names_without_letters_do_no_harm() -> None:
    assert alike(["", "12", "-"]) == {name_key("")}


def test_numbers_given_from_2032_on_are_taken_by_their_own_rule() -> None:
    # The first check digit may leave 0 to 3; the second then follows from it, and there is none for some.
    taken = [
        first
        for first in range(10)
        if any(is_birth_number(f"018150124{first}{second}") for second in range(10))
    ]
    assert int(NUMBER[9]) in taken
    assert len(taken) in (3, 4)
