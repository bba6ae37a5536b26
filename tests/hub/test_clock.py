"""Times on the hub's clock."""

import os

import pytest

from koffert_hub.clock import (
    TimeBasis,
    decode_basis,
    encode_basis,
    is_plainly_wrong,
    measured_at,
)
from koffert_hub.time_series.records import TimeQuality
from koffert_wire.messages import Instant

S = 1_000_000_000
NOON = 1_780_315_200 * S
BOOT = os.urandom(16)


def basis(*, same_boot: bool = True, sent_s: int = 1_000, earliest: int = 0) -> TimeBasis:
    return TimeBasis(NOON, sent_s * S, same_boot, earliest)


def test_where_the_clocks_agree_the_wall_time_stands() -> None:
    at = Instant(900 * S, NOON - 96 * S, wall_trusted=False)
    assert measured_at(at, basis()) == ((NOON - 96 * S) // 1_000_000, TimeQuality.WALL)


@pytest.mark.parametrize("wall_ns", [0, -5 * S, 2_524_608_000 * S, NOON - 111 * S])
def test_where_they_do_not_the_age_counts(wall_ns: int) -> None:
    at = Instant(900 * S, wall_ns, wall_trusted=True)
    assert measured_at(at, basis()) == ((NOON - 100 * S) // 1_000_000, TimeQuality.CORRECTED)


@pytest.mark.parametrize(
    ("off_s", "wrong"), [(0, False), (-20, False), (-61, True), (61, True), (-2_524_608_000, True)]
)
def test_a_transmission_long_under_way_is_no_wrong_clock(off_s: int, *, wrong: bool) -> None:
    at = Instant(900 * S, NOON - 100 * S + off_s * S, wall_trusted=True)
    assert is_plainly_wrong(at, measured_at(at, basis())) is wrong


def test_a_boot_time_after_the_sending_counts_as_the_sending() -> None:
    at = Instant(2_000 * S, 0, wall_trusted=False)
    assert measured_at(at, basis()) == (NOON // 1_000_000, TimeQuality.CORRECTED)


@pytest.mark.parametrize(
    ("wall_ns", "trusted", "expected_ns", "quality"),
    [
        (NOON - 5_000 * S, True, NOON - 5_000 * S, TimeQuality.WALL),
        (NOON - 5_000 * S, False, NOON - 5_000 * S, TimeQuality.BOUNDED),
        (0, True, NOON - 9_000 * S, TimeQuality.BOUNDED),
        (0, False, NOON - 9_000 * S, TimeQuality.BOUNDED),
        (2 * NOON, False, NOON - 1_000 * S, TimeQuality.BOUNDED),
    ],
)
def test_an_earlier_boot_is_held_between_its_neighbours(
    *, wall_ns: int, trusted: bool, expected_ns: int, quality: TimeQuality
) -> None:
    at = Instant(77 * S, wall_ns, wall_trusted=trusted)
    found = measured_at(at, basis(same_boot=False, earliest=NOON - 9_000 * S))
    assert found == (expected_ns // 1_000_000, quality)


def test_a_basis_comes_back_as_it_was() -> None:
    assert decode_basis(encode_basis(basis(earliest=7))) == basis(earliest=7)
