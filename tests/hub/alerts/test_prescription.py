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
    steps,
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
        Change(pulse_low_bpm=90, pulse_high_bpm=80),
        Change(pulse_high_bpm=20),
        Change(respiratory_rate_high_bpm=250),
        Change(spo2_mean_pct=90),
        Change(fev1_mean_l=1.2, fev1_sd_l=0),
        Change(spo2_scale=3),
    ],
)
def test_settings_that_contradict_each_other_are_refused(change: Change) -> None:
    with pytest.raises(ImpossibleSettings):
        changed(Patient(), change)


def test_a_limit_is_taken_back_by_none(connection: sa.Connection, ward: Ward) -> None:
    limits = Change(pulse_high_bpm=125, spo2_mean_pct=90, spo2_sd_pct=1.5, discharged_ms=NOON_MS)
    prescribe(connection, ward.patient, limits, DOCTOR, now_ms=NOON_MS)
    taken_back = Change(pulse_high_bpm=None)
    after = prescribe(connection, ward.patient, taken_back, DOCTOR, now_ms=NOON_MS)
    assert after.limits == PatientLimits()
    assert (after.baseline.spo2_mean_pct, after.discharged_ms) == (90, NOON_MS)


def test_who_changed_what_is_kept(connection: sa.Connection, ward: Ward) -> None:
    begin(connection, ward.patient, NO_CHANGE, "", now_ms=NOON_MS)
    prescribe(connection, ward.patient, RETAINER, DOCTOR, now_ms=NOON_MS + 1)
    again = Change(spo2_scale=2)
    prescribe(connection, ward.patient, again, "Testlege 2", now_ms=NOON_MS + 2)
    prescribe(connection, ward.patient, Change(spo2_floor_pct=82), "Testlege 2", now_ms=NOON_MS + 3)
    assert [tuple(step) for step in steps(connection, ward.patient)] == [
        (NOON_MS + 3, "Testlege 2", {"spo2_floor_pct": (None, 82)}),
        (
            NOON_MS + 1,
            DOCTOR,
            {
                "spo2_scale": (1, 2),
                "target_low_pct": (None, 88),
                "target_high_pct": (None, 92),
            },
        ),
        (NOON_MS, "", {}),
    ]


def test_only_a_registered_patient_has_settings(connection: sa.Connection) -> None:
    with pytest.raises(RegistryError):
        prescribe(connection, "p-nobody", RETAINER, DOCTOR, now_ms=NOON_MS)
