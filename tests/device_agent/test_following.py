"""The box does what the hub says, keeps it before it confirms it, and never goes back."""

import asyncio
from pathlib import Path

import pytest

from koffert_agent.following import Following
from koffert_agent.loan import CurrentLoan, read_loan
from koffert_wire.commands import (
    BoxSettings,
    Command,
    DesiredState,
    Hours,
    NewCertificate,
    PlannedVisit,
    VisitWith,
    encode_command,
)
from koffert_wire.errors import UnreadablePayload
from koffert_wire.messages import Message, StateApplied
from tests.device_agent.support import ManualClock


class Listener:
    """A box that only listens."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.said: list[Message] = []
        self.certificates: list[bytes] = []
        self.following = Following(data, ManualClock(), self.said.extend, self._take)

    async def _take(self, pem: bytes) -> None:
        self.certificates.append(pem)

    def hear(self, *commands: Command) -> None:
        async def obey() -> None:
            for command in commands:
                await self.following.obey(encode_command(command))

        asyncio.run(obey())

    @property
    def confirmed(self) -> list[int]:
        return [message.revision for message in self.said if isinstance(message, StateApplied)]


def test_a_new_loan_is_kept_and_confirmed_under_the_new_loan(tmp_path: Path) -> None:
    box = Listener(tmp_path)
    box.hear(DesiredState(1, "l-1", ends_ms=99))
    assert read_loan(tmp_path) == CurrentLoan("l-1", 1, 99)
    assert box.following.changed.is_set()
    assert box.confirmed == []  # not in the old loan's name
    again = Listener(tmp_path)
    again.following.confirm()
    assert again.confirmed == [1]


def test_what_changes_nothing_for_the_outbox_is_confirmed_at_once(tmp_path: Path) -> None:
    Listener(tmp_path).hear(DesiredState(1, "l-1"))
    box = Listener(tmp_path)
    box.hear(DesiredState(2, "l-1", locked=True))
    assert box.confirmed == [2]
    assert not box.following.changed.is_set()
    assert read_loan(tmp_path).locked


def test_settings_are_kept_and_confirmed_without_a_restart(tmp_path: Path) -> None:
    Listener(tmp_path).hear(DesiredState(1, "l-1"))
    box = Listener(tmp_path)
    settings = BoxSettings(83, 40, 131, (Hours(480, 930), *([None] * 7)), "51 00 00 00")
    box.hear(DesiredState(2, "l-1", settings=settings))
    assert box.confirmed == [2]
    assert not box.following.changed.is_set()
    assert read_loan(tmp_path).settings == settings


def test_a_pause_is_kept_over_a_restart_until_the_hub_resumes(tmp_path: Path) -> None:
    Listener(tmp_path).hear(DesiredState(1, "l-1"))
    box = Listener(tmp_path)
    box.hear(DesiredState(2, "l-1", paused=True))
    assert box.confirmed == [2]
    assert not box.following.changed.is_set()
    again = Listener(tmp_path)
    assert again.following.current.paused
    again.hear(DesiredState(3, "l-1"))
    assert not read_loan(tmp_path).paused


def test_an_old_word_is_answered_with_what_holds(tmp_path: Path) -> None:
    """Somebody may have kept a command of an earlier loan, with its MAC."""
    Listener(tmp_path).hear(DesiredState(5, "l-2"))
    box = Listener(tmp_path)
    box.hear(DesiredState(3, "l-1"), DesiredState(5, "l-2"))
    assert box.confirmed == [5, 5]
    assert read_loan(tmp_path).loan == "l-2"


def test_a_box_that_was_never_told_anything_says_nothing(tmp_path: Path) -> None:
    box = Listener(tmp_path)
    box.following.confirm()
    assert box.said == []


def test_certificates_are_handed_on_and_nonsense_is_an_error(tmp_path: Path) -> None:
    box = Listener(tmp_path)
    box.hear(NewCertificate(b"pem"))
    assert box.certificates == [b"pem"]
    with pytest.raises(UnreadablePayload):
        asyncio.run(box.following.obey(b"\xc1"))


def test_planned_visits_are_kept_and_confirmed_without_a_restart(tmp_path: Path) -> None:
    Listener(tmp_path).hear(DesiredState(1, "l-1"))
    box = Listener(tmp_path)
    visits = (PlannedVisit(1_000), PlannedVisit(2_000, VisitWith.DOCTOR))
    box.hear(DesiredState(2, "l-1", visits=visits))
    assert box.confirmed == [2]
    assert not box.following.changed.is_set()
    assert read_loan(tmp_path).visits == visits
