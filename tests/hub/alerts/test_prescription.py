"""What a doctor sets for one patient holds, is logged, and never stands without a name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from koffert_hub import registry
from koffert_hub.alerts.history import NoDoctor, settled
from koffert_hub.alerts.prescription import (
    NO_CHANGE,
    Change,
    ImpossibleSettings,
    begin,
    changed,
    prescribe,
    standing,
)
from koffert_hub.alerts.records import Patient, PatientLimits
from koffert_hub.alerts.signing import staff_id
from koffert_hub.log_record import Event
from koffert_hub.registry import RegistryError
from tests.hub.kit import NOON_MS, Store, sqlite_store

DOCTOR = "Testlege 1"
RETAINER = Change(target_low_pct=88, target_high_pct=92, spo2_scale=2)


class Ward:
    """A store with one patient."""

    def __init__(self, folder: Path) -> None:
        self.store: Store = sqlite_store(folder)
        with self.store.engine.begin() as connection:
            self.patient = registry.create_patient(
                connection, self.store.centre, "Testpasient 1", now_ms=NOON_MS
            )

    def settings(self) -> list[tuple[str | None, str | None]]:
        """What the log says of settings."""
        records = self.store.records()
        return [(one.patient, one.detail) for one in records if one.event is Event.SETTINGS]


@pytest.fixture(name="ward")
def fixture_ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path)
    yield ward
    ward.store.engine.dispose()


@pytest.fixture(name="connection")
def fixture_connection(ward: Ward) -> Iterator[sa.Connection]:
    with ward.store.engine.begin() as connection:
        yield connection


def test_a_change_leaves_the_rest_as_it_stood(ward: Ward) -> None:
    with ward.store.engine.begin() as connection:
        prescribe(connection, ward.patient, RETAINER, DOCTOR, now_ms=NOON_MS)
        more = Change(spo2_floor_pct=83, on_oxygen=True)
        after = prescribe(connection, ward.patient, more, DOCTOR, now_ms=NOON_MS)
        assert after == standing(connection, ward.patient)
    assert after == Patient(
        spo2_scale=2,
        on_oxygen=True,
        target_low_pct=88,
        target_high_pct=92,
        limits=PatientLimits(spo2_floor_pct=83),
    )
    assert ward.settings() == [(ward.patient, staff_id(DOCTOR))] * 2


@pytest.mark.parametrize("change", [RETAINER, Change(spo2_scale=2), Change(spo2_floor_pct=80)])
def test_nothing_but_the_defaults_without_a_doctor(
    ward: Ward, connection: sa.Connection, change: Change
) -> None:
    for nobody in ("", "  "):
        with pytest.raises(NoDoctor):
            prescribe(connection, ward.patient, change, nobody, now_ms=NOON_MS)
        with pytest.raises(NoDoctor):
            begin(connection, ward.patient, change, nobody, now_ms=NOON_MS)
    assert settled(connection, ward.patient) is None


def test_a_loan_begins_on_the_defaults(ward: Ward) -> None:
    with ward.store.engine.begin() as connection:
        begin(connection, ward.patient, NO_CHANGE, "", now_ms=NOON_MS)
        assert settled(connection, ward.patient) == Patient()
    assert ward.settings() == [(ward.patient, "defaults")]


def test_a_new_box_does_not_undo_what_the_doctor_set(ward: Ward, connection: sa.Connection) -> None:
    begin(connection, ward.patient, RETAINER, DOCTOR, now_ms=NOON_MS)
    begin(connection, ward.patient, NO_CHANGE, "", now_ms=NOON_MS + 1)
    assert standing(connection, ward.patient).spo2_scale == 2


def test_scale_2_is_not_taken_away_without_a_doctor(ward: Ward, connection: sa.Connection) -> None:
    prescribe(connection, ward.patient, Change(spo2_scale=2), DOCTOR, now_ms=NOON_MS)
    with pytest.raises(NoDoctor):
        prescribe(connection, ward.patient, Change(spo2_scale=1), "", now_ms=NOON_MS)


@pytest.mark.parametrize(
    "change",
    [
        Change(target_low_pct=88),
        Change(target_high_pct=92),
        Change(target_low_pct=92, target_high_pct=88),
        Change(target_low_pct=88, target_high_pct=92, spo2_floor_pct=89),
    ],
)
def test_settings_that_contradict_each_other_are_refused(change: Change) -> None:
    with pytest.raises(ImpossibleSettings):
        changed(Patient(), change)


def test_only_a_registered_patient_has_settings(connection: sa.Connection) -> None:
    with pytest.raises(RegistryError):
        prescribe(connection, "p-nobody", RETAINER, DOCTOR, now_ms=NOON_MS)
