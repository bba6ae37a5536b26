"""Where sessions lie, in whatever order they came; what stands behind them; erased with the patient."""

import msgspec
import pytest

from koffert_hub.database import reading
from koffert_hub.erasure import erase_patient
from koffert_hub.spirometry.analysis import best, compared, view_blows
from koffert_hub.spirometry.person import Physique
from koffert_hub.spirometry.projection import rebuild
from koffert_hub.spirometry.store import curves, physique_of, sessions, write_physique
from koffert_hub.spirometry.tables import spirometry_part
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from koffert_signal.reference.gli import Reference, Sex
from koffert_wire.messages import Spirometry, WaveformBlock
from tests.hub.documents.kit import end_loan, patient_of
from tests.hub.kit import NOON_MS, Store
from tests.hub.spirometry.blows import blow, curve, follow, send, session
from tests.hub.stores import store_on_each  # noqa: F401 - a fixture

BUILD = Physique.entered(Sex.FEMALE, "1951-06-01", 162.0, Reference.GLI_2012)


def stored(store: Store, patient: str) -> list[tuple[Spirometry, list[WaveformBlock]]]:
    with reading(store.engine) as connection:
        return [
            (line.session, curves(connection, patient, line.session))
            for line in sessions(connection, patient)
        ]


@pytest.mark.parametrize("records", [1, 500])
def test_curves_are_found_whether_they_come_before_or_after(store: Store, records: int) -> None:
    box = store.box()
    early, late = curve(box), curve(box, blow(0.96))
    whole = session(box, late, early)
    send(store, box, early, whole)
    follow(store, records)
    patient = patient_of(store, box)
    assert stored(store, patient) == [(whole, [early])]
    send(store, box, late)
    follow(store, records)
    assert stored(store, patient) == [(whole, [late, early])]


def test_the_pulse_wave_of_an_oximeter_is_no_blow(store: Store) -> None:
    box = store.box()
    send(store, box, msgspec.structs.replace(curve(box), waveform="ppg"))
    follow(store)
    with reading(store.engine) as connection:
        assert connection.execute(spirometry_part.select()).all() == []


def test_a_rebuild_finds_the_same(store: Store) -> None:
    box = store.box()
    one = curve(box)
    send(store, box, one, session(box, one))
    follow(store)
    before = stored(store, patient_of(store, box))
    assert rebuild(store.engine, lambda _: None) == 1
    assert stored(store, patient_of(store, box)) == before


def test_an_erased_patient_leaves_nothing(
    store: Store, tmp_path_factory: pytest.TempPathFactory
) -> None:
    box = store.box()
    one = curve(box)
    send(store, box, one, session(box, one))
    follow(store)
    patient = patient_of(store, box)
    with store.engine.begin() as connection:
        write_physique(connection, patient, BUILD, "nurse", "Sykepleier Test", now_ms=NOON_MS)
    end_loan(store, box)
    series = SqliteTimeSeries(tmp_path_factory.mktemp("series") / "series.sqlite")
    erase_patient(store.engine, series, patient, now_ms=NOON_MS)
    series.close()
    assert stored(store, patient) == []
    with reading(store.engine) as connection:
        assert physique_of(connection, patient) is None


def test_each_blow_is_judged_and_the_best_three_come_first(store: Store) -> None:
    box = store.box()
    made = [
        curve(box, each) for each in (blow(0.9), blow(until_s=1.5), blow(), blow(0.98), blow(0.95))
    ]
    blows = view_blows(session(box, *made), made)
    assert [one.number for one in blows] == [1, 2, 3, 4, 5]
    assert best(blows) == (3, 4, 5)
    assert blows[2].reasons == ()
    assert [str(reason) for reason in blows[1].reasons] == ["no-end-of-expiration"]
    assert blows[1].hint is not None
    assert blows[2].indices is not None
    assert blows[2].indices.fvc_l == pytest.approx(2.83, abs=0.03)
    trace = blows[2].trace
    assert trace is not None
    assert max(trace.flow_l_s) == pytest.approx(4.0, abs=0.4)
    assert max(trace.volume_l) == pytest.approx(blows[2].indices.fvc_l, abs=0.001)


def test_a_curve_without_a_blow_is_shown_as_such(store: Store) -> None:
    box = store.box()
    still = curve(box, blow(0.0))
    cut = msgspec.structs.replace(curve(box), samples=b"\0")
    blows = view_blows(session(box, still, cut), [still, cut])
    assert [(one.number, one.indices) for one in blows] == [(1, None), (2, None)]
    assert best(blows) == ()


def test_reference_values_are_for_the_day_of_the_session(store: Store) -> None:
    whole = session(store.box())
    comparison = compared(whole, BUILD.person_at(NOON_MS), BUILD.reference)
    assert comparison is not None
    assert BUILD.person_at(NOON_MS).age_y == pytest.approx(75.0, abs=0.01)
    assert comparison.predicted.fev1_l == pytest.approx(2.05, abs=0.01)
    assert comparison.z.fev1_l is not None
    assert comparison.z.fev1_l < -1.645
    beyond = Physique.entered(Sex.MALE, "1925-01-01", 170.0, Reference.GLI_2012)
    assert compared(whole, beyond.person_at(NOON_MS), beyond.reference) is None


def test_what_was_entered_last_counts(store: Store) -> None:
    patient = patient_of(store, store.box())
    taller = msgspec.structs.replace(BUILD, height_cm=164.0)
    with store.engine.begin() as connection:
        for at_ms, build in enumerate((BUILD, taller)):
            write_physique(connection, patient, build, "nurse", "Sykepleier Test", now_ms=at_ms)
        found = physique_of(connection, patient)
    assert found is not None
    assert (found.physique, found.by, found.at_ms) == (taller, "Sykepleier Test", 1)
