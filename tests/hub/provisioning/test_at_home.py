"""When a patient measures at home and in which language: agreed, told to the box, kept, corrected."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from koffert_hub.at_home import (
    AtHome,
    ImpossibleSchedule,
    agree,
    agreements,
    read_round,
    standing,
    written,
)
from koffert_hub.database import reading
from koffert_hub.provisioning.desired_state import desire, note_applied, unlock
from koffert_hub.provisioning.reactions import as_command
from koffert_hub.registry import RegistryError
from koffert_hub.times import to_ms
from koffert_hub.zones import write_plan
from koffert_wire.commands import EVERY_DAY, MOST_ROUNDS, Round, SelfPlan
from tests.hub.provisioning.site import NOW
from tests.hub.provisioning.test_box_settings import Lent, told
from tests.hub.provisioning.test_fleet import BOX

MORNING = Round(9 * 60)
EVENING = Round(19 * 60, blow=False, weekdays=0b0011111)


@pytest.fixture(name="lent")
def fixture_lent(tmp_path: Path) -> Iterator[Lent]:
    lent = Lent(tmp_path)
    yield lent
    lent.depot.site.engine.dispose()


def settle(lent: Lent, home: AtHome, by: str = "Testpleier 1") -> AtHome:
    with lent.depot.site.engine.begin() as connection:
        return agree(connection, lent.patient, home, by, now_ms=to_ms(NOW))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("09:00", MORNING),
        ("9:00/blow,questions", MORNING),
        ("19:00/questions/mon-fri", EVENING),
        ("07:05/clip/sat,sun", Round(425, blow=False, questions=False, weekdays=0b1100000)),
        ("23:59/blow/mon,wed-thu", Round(1439, questions=False, weekdays=0b0001101)),
    ],
)
def test_people_write_a_round_as_they_say_it(text: str, meant: Round) -> None:
    assert read_round(text) == meant
    assert read_round(written(meant)) == meant


@pytest.mark.parametrize(
    "text", ["", "9", "24:00", "09:60", "09:00/blows", "09:00/blow/mandag", "09:00//fri-mon"]
)
def test_what_is_no_round_is_refused(text: str) -> None:
    with pytest.raises(ImpossibleSchedule):
        read_round(text)


def test_the_agreement_is_a_revision_of_the_box_and_outlives_it(lent: Lent) -> None:
    first = lent.step()
    assert (told(first).language, told(first).schedule) == (None, ())
    settle(lent, AtHome("nn", (EVENING, MORNING)))
    second = lent.step()
    assert second.revision == first.revision + 1
    assert (told(second).language, told(second).schedule) == ("nn", (MORNING, EVENING))
    assert lent.step() == second
    settle(lent, AtHome("nn", (MORNING, EVENING)))
    assert lent.step() == second
    with lent.depot.site.engine.begin() as connection:
        note_applied(connection, BOX, second.revision, NOW)
    assert lent.step().followed
    lent.depot.give_back()
    assert as_command(lent.step()).settings is None
    with reading(lent.depot.site.engine) as connection:
        assert [one.by for one in agreements(connection, lent.patient)] == ["Testpleier 1"]


def test_what_cannot_be_meant_changes_nothing(lent: Lent) -> None:
    crowd = tuple(Round(minute) for minute in range(MOST_ROUNDS + 1))
    for home in (
        AtHome("sv"),
        AtHome(None, crowd),
        AtHome(None, (MORNING, Round(MORNING.at_min, weekdays=1))),
    ):
        with pytest.raises(ImpossibleSchedule):
            settle(lent, home)
    with pytest.raises(RegistryError, match="who agreed"):
        settle(lent, AtHome("nn"), by=" ")
    with pytest.raises(RegistryError, match="no patient"), lent.depot.site.engine.begin() as link:
        agree(link, "p-nobody", AtHome("nn"), "Testpleier 1", now_ms=0)
    assert settle(lent, AtHome(None, (MORNING, EVENING))).schedule == (MORNING, EVENING)
    with reading(lent.depot.site.engine) as connection:
        assert len(agreements(connection, lent.patient)) == 1
        assert standing(connection, lent.patient).schedule[0].weekdays == EVERY_DAY


def test_a_box_that_is_trusted_again_keeps_what_its_patient_has_on_it(lent: Lent) -> None:
    plan = SelfPlan("Som vanlig", "Ta det med ro", "Ring 113")
    settle(lent, AtHome("en", (MORNING,)))
    with lent.depot.site.engine.begin() as connection:
        write_plan(connection, lent.patient, plan, "testpleier", "Testpleier 1", now=NOW)
    before = lent.step()
    with lent.depot.site.engine.begin() as connection:
        unlock(connection, BOX, NOW)
    assert lent.step() == before
    with lent.depot.site.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE desired_state SET locked = 1, revision = revision + 1")
    assert as_command(lent.step()).locked
    with lent.depot.site.engine.begin() as connection:
        unlock(connection, BOX, NOW)
    after = as_command(lent.step())
    assert (after.locked, after.plan, after.loan) == (False, plan, before.loan)
    assert (after.ends_ms, after.settings) == (before.ends_ms, told(before))
    with lent.depot.site.engine.begin() as connection:
        desire(connection, BOX, loan=None, now=NOW)
    assert as_command(lent.step()).plan is None
