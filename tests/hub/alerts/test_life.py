"""The state machine, walked from every state by every action."""

import pytest

from koffert_hub.alerts.life import Action, Life, Standing, WrongLife, diagram, follow, sounds
from koffert_hub.alerts.records import Priority

RED = Priority.RED


def after(
    life: Life, action: Action, priority: Priority = Priority.YELLOW, *, cleared: bool = False
) -> Life | None:
    try:
        return follow(Standing(life, priority, cleared), action)
    except WrongLife:
        return None


def test_red_is_never_snoozed() -> None:
    assert all(after(life, Action.SNOOZE, RED) is None for life in Life)
    assert after(Life.OPEN, Action.SNOOZE) is Life.SNOOZED


def test_red_and_yellow_latch_until_someone_took_them() -> None:
    assert after(Life.OPEN, Action.CLEAR, RED) is Life.OPEN
    assert after(Life.OPEN, Action.ACKNOWLEDGE, RED, cleared=True) is Life.RESOLVED
    assert after(Life.ACKNOWLEDGED, Action.CLEAR, RED) is Life.RESOLVED


def test_blue_goes_by_itself() -> None:
    assert after(Life.OPEN, Action.CLEAR, Priority.BLUE) is Life.RESOLVED


def test_what_sounds_is_open_and_nothing_else() -> None:
    heard = [life for life in Life if sounds(Standing(life, RED))]
    assert heard == [Life.OPEN]


def test_a_snooze_holds_until_it_runs_out_and_ends_with_the_condition() -> None:
    assert after(Life.SNOOZED, Action.WAKE) is Life.OPEN
    assert after(Life.SNOOZED, Action.CLEAR) is Life.RESOLVED
    assert after(Life.SNOOZED, Action.PAUSE_AUDIO) is None


def test_resolved_is_the_end() -> None:
    assert all(after(Life.RESOLVED, action) is None for action in Action)


def test_only_what_was_taken_is_handed_over_or_resolved_by_a_person() -> None:
    for action in (Action.HAND_OVER, Action.RESOLVE):
        assert [life for life in Life if after(life, action)] == [Life.ACKNOWLEDGED]


def test_whatever_is_open_can_be_ended_by_the_end_of_the_loan() -> None:
    for life in set(Life) - {Life.RESOLVED}:
        assert after(life, Action.SILENCE) is Life.RESOLVED
        assert after(life, Action.SUPERSEDE) is Life.RESOLVED


def test_the_documentation_shows_this_table(root: object) -> None:
    page = root / "docs" / "explanation" / "alerts.md"  # type: ignore[operator]
    assert diagram() in page.read_text()


@pytest.mark.parametrize("life", [Life.OPEN, Life.AUDIO_PAUSED, Life.SNOOZED])
def test_whatever_is_not_taken_can_be_taken(life: Life) -> None:
    assert after(life, Action.ACKNOWLEDGE, RED) is Life.ACKNOWLEDGED
