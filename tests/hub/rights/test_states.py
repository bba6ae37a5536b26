"""A patient who wants no more: the loan ends, the box is told, what comes later is not kept, the record stays."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from koffert_hub import patients, registry, tables
from koffert_hub.database import reading
from koffert_hub.loans import EndReason
from koffert_hub.log_record import Event, Result
from koffert_hub.patients import Person
from koffert_hub.provisioning import fleet
from koffert_hub.provisioning.desired_state import desired
from koffert_hub.provisioning.tables import box as box_table
from koffert_hub.registry import RegistryError
from koffert_hub.rights import consents, deciding
from koffert_hub.rights.states import NeedsReason, RecordState, may_collect, may_read, state_of
from koffert_hub.rights.tables import person_change
from koffert_hub.times import from_ms, to_ms
from tests.hub.box import Box
from tests.hub.kit import NOON_MS, Store, sqlite_store

NOW = from_ms(NOON_MS)
HOUR_S = 3_600


class Lent:
    """A store with one patient who has a suitcase."""

    def __init__(self, folder: Path) -> None:
        self.store: Store = sqlite_store(folder)
        self.box: Box = self.store.box()
        assert self.box.loan is not None
        with self.store.engine.begin() as connection:
            self.patient = registry.loans(connection, [self.box.loan])[self.box.loan].patient
            connection.execute(
                box_table.insert().values(
                    device="box-1", centre=self.store.centre, label="", added_ms=0
                )
            )


@pytest.fixture(name="lent")
def fixture_lent(tmp_path: Path) -> Iterator[Lent]:
    lent = Lent(tmp_path)
    yield lent
    lent.store.engine.dispose()


def restricted(lent: Lent) -> deciding.Changed:
    with lent.store.engine.begin() as connection:
        return deciding.restrict(connection, lent.patient, "lege", "wants no more", now=NOW)


def test_restricting_ends_the_loan_tells_the_box_and_keeps_the_record(lent: Lent) -> None:
    lent.store.take(lent.box.queue([lent.box.reading(91.0)]))
    changed = restricted(lent)
    assert (changed.state, changed.ended) == (RecordState.RESTRICTED, ["box-1"])
    with reading(lent.store.engine) as connection:
        loan = connection.execute(sa.select(tables.loan)).one()
        assert (loan.state, loan.end_reason) == ("ended", EndReason.WITHDRAWN)
        wanted = desired(connection, "box-1")
        assert wanted is not None
        assert wanted.loan is None
        with pytest.raises(NeedsReason):
            may_read(connection, lent.patient, " ")
        may_read(connection, lent.patient, "the patient asks for a copy")
    last = lent.store.records()[-1]
    assert (last.event, last.patient, last.detail) == (Event.RECORD, lent.patient, "restricted")
    assert lent.store.bodies() == 1


def test_what_was_measured_after_a_withdrawal_is_not_kept(lent: Lent) -> None:
    """The box hears of it when it next calls; until then it measures what nobody may keep."""
    before = lent.box.queue([lent.box.reading(91.0)])
    restricted(lent)
    lent.box.wait(HOUR_S)
    after = lent.box.queue([lent.box.reading(92.0)])
    answers = lent.store.take(before, after, at_ns=lent.box.wall_ns).answers["box-1"]
    assert answers.stored == [before.id, after.id]
    assert lent.store.bodies() == 1
    results = {one.transmission: one.result for one in lent.store.records() if one.transmission}
    assert results == {before.id.hex(): Result.STORED, after.id.hex(): Result.DISCARDED}


def test_no_suitcase_for_who_wants_none(lent: Lent) -> None:
    restricted(lent)
    with lent.store.engine.begin() as connection:
        with pytest.raises(RegistryError, match="restricted already"):
            deciding.restrict(connection, lent.patient, "lege", "again", now=NOW)
        with pytest.raises(RegistryError, match="is restricted"):
            may_collect(connection, lent.patient)
        deciding.reopen(connection, lent.patient, "lege", "wants to go on", now=NOW)
        may_collect(connection, lent.patient)


def test_a_record_is_closed_when_the_suitcase_is_back(lent: Lent) -> None:
    with lent.store.engine.begin() as connection:
        with pytest.raises(RegistryError, match="still has box-1"):
            deciding.close(connection, lent.patient, "lege", "done", now=NOW)
        fleet.end_current_loan(connection, "box-1", EndReason.RETURNED, now=NOW)
        with pytest.raises(RegistryError, match="say who"):
            deciding.close(connection, lent.patient, "lege", " ", now=NOW)
        deciding.close(connection, lent.patient, "lege", "done", now=NOW)
        assert state_of(connection, lent.patient) is RecordState.CLOSED


def test_a_consent_has_words_and_its_end_stops_the_collection(lent: Lent) -> None:
    with lent.store.engine.begin() as connection:
        with pytest.raises(RegistryError, match="no consent text"):
            consents.give(connection, lent.patient, "2026-1", "sykepleier", now_ms=NOON_MS)
        with pytest.raises(RegistryError, match="no consent that stands"):
            consents.withdraw(connection, lent.patient, "sykepleier", now=NOW)
        consents.add_text(connection, "2026-1", "Jeg vil.", now_ms=NOON_MS)
        consents.add_text(connection, "2026-1", "Jeg vil.", now_ms=NOON_MS)
        with pytest.raises(RegistryError, match="other words"):
            consents.add_text(connection, "2026-1", "Jeg vil ikke.", now_ms=NOON_MS)
        consents.give(connection, lent.patient, "2026-1", "sykepleier", now_ms=NOON_MS)
        later = NOW + timedelta(hours=1)
        gone = consents.withdraw(connection, lent.patient, "lege", now=later)
        assert (gone.version, gone.ended) == ("2026-1", ["box-1"])
        said = [
            (one.at_ms, one.given, one.by) for one in consents.consents(connection, lent.patient)
        ]
        assert said == [(to_ms(later), False, "lege"), (NOON_MS, True, "sykepleier")]
        with pytest.raises(RegistryError, match="withdrawn the consent"):
            may_collect(connection, lent.patient)
    logged = [one.detail for one in lent.store.records() if one.event is Event.CONSENT]
    assert logged == ["given 2026-1", "withdrawn 2026-1"]


def test_a_correction_keeps_what_stood_and_logs_no_words(lent: Lent) -> None:
    wanted = Person(display_name="Testpasient 2", phone="00 00 00 00")
    with lent.store.engine.begin() as connection:
        changed = patients.change_person(
            connection, lent.patient, wanted, "sykepleier", now_ms=NOON_MS
        )
        assert changed == ["display_name", "phone"]
        again = patients.change_person(connection, lent.patient, wanted, "x", now_ms=NOON_MS)
        assert again == []
        kept = connection.execute(
            sa.select(person_change.c.field, person_change.c.before, person_change.c.after)
        ).all()
    assert set(kept) == {
        ("display_name", "Testpasient 1", "Testpasient 2"),
        ("phone", "", "00 00 00 00"),
    }
    with reading(lent.store.engine) as connection:
        raw = b"".join(connection.execute(sa.select(tables.transmission_log.c.record)).scalars())
    assert b"Testpasient" not in raw
    last = lent.store.records()[-1]
    assert (last.content, last.detail) == ("person", "display_name phone")
