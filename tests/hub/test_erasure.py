"""Erasing a patient leaves nothing readable, in the files either."""

import contextlib
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from koffert_hub import registry
from koffert_hub.backup import back_up
from koffert_hub.database import reading
from koffert_hub.erasure import REWRITTEN, erase_patient
from koffert_hub.log_access import verify_whole
from koffert_hub.log_record import Event, Result
from koffert_hub.migrations.all_tables import metadata
from koffert_hub.projection import stored_readings
from koffert_hub.projector import project, read_step
from koffert_hub.registry import RegistryError
from koffert_hub.settings import load_settings
from koffert_hub.time_series import TimeSeries
from koffert_hub.time_series.influx import InfluxAccess, InfluxTimeSeries
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from koffert_hub.transmission_log import sign_due_head
from tests.hub.box import Box
from tests.hub.kit import NOON_MS, Store, sqlite_store
from tests.hub.stores import store_on_each  # noqa: F401 - a fixture
from tests.support.influx import Influx

# A value that occurs nowhere by chance, as each store holds it: big-endian IEEE 754 in all three.
MARKER = 87.65432109876
MARKER_BYTES = struct.pack(">d", MARKER)
COMPACTED_WITHIN_S = 60
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture(name="series")
def fixture_series(tmp_path: Path) -> Iterator[SqliteTimeSeries]:
    series = SqliteTimeSeries(tmp_path / "series.sqlite")
    yield series
    series.close()


def measured(store: Store, series: TimeSeries, device: str) -> tuple[Box, str]:
    """A patient with readings of the marker in every store; the box and the patient's key."""
    box = store.box(device)
    store.take(*(box.queue([box.reading(MARKER)]) for _ in range(20)))
    step = read_step(store.engine, series.cursor(), 1_000)
    series.write([r for body in step.bodies for r in stored_readings(body)], step.cursor)
    with reading(store.engine) as connection:
        assert box.loan is not None
        return box, registry.loans(connection, [box.loan])[box.loan].patient


def files_with_marker(folder: Path) -> set[str]:
    files = (path for path in folder.iterdir() if path.is_file())
    return {path.name for path in files if MARKER_BYTES in path.read_bytes()}


def test_nothing_readable_stays(store: Store, series: SqliteTimeSeries, tmp_path: Path) -> None:
    box, patient = measured(store, series, "box-1")
    late = box.queue([box.reading(MARKER)])
    store.take(box.queue([box.reading(MARKER)], loan="l-unknown"))
    assert store.alerts()["box-1", "quarantined"] == 1
    sign_due_head(store.engine, KEY, now_ms=NOON_MS, last=None)
    embedded = {"hub", "series"} if store.engine.dialect.name == "sqlite" else {"series"}
    assert {name.split(".")[0] for name in files_with_marker(tmp_path)} == embedded
    with store.engine.begin() as connection:
        assert box.loan is not None
        registry.end_loan(connection, box.loan, now_ms=NOON_MS)
    erased = erase_patient(store.engine, series, patient, now_ms=NOON_MS)
    # The unknown loan may have been theirs: what cannot be told apart does not stay.
    assert (erased.bodies, erased.quarantined) == (20, 1)
    assert files_with_marker(tmp_path) == set()
    assert not any(b"Testpasient 1" in path.read_bytes() for path in tmp_path.iterdir())
    assert series.count() == 0
    assert (store.records()[-1].event, store.records()[-1].patient) == (Event.ERASURE, patient)
    assert store.take(late).answers["box-1"].stored == [late.id]
    assert store.records()[-1].result is Result.DISCARDED
    assert store.bodies() == 0
    assert files_with_marker(tmp_path) == set()
    with reading(store.engine) as connection:
        assert verify_whole(connection, [KEY.public_key()]).ok


def test_a_backup_made_afterwards_holds_nothing_readable(
    series: SqliteTimeSeries, tmp_path: Path
) -> None:
    path = tmp_path / "hub.toml"
    path.write_text('data_dir = "data"\ncentre = "Dalane DMS"\n[broker]\nport = 1883\n')
    settings = load_settings(path)
    settings.data_dir.mkdir()
    store = sqlite_store(settings.data_dir)
    box, patient = measured(store, series, "box-1")
    before, after = tmp_path / "before", tmp_path / "after"
    back_up(settings, before)
    with store.engine.begin() as connection:
        registry.end_loan(connection, str(box.loan), now_ms=NOON_MS)
    erase_patient(store.engine, series, patient, now_ms=NOON_MS)
    back_up(settings, after)
    assert files_with_marker(before) == {"hub.sqlite"}
    assert files_with_marker(after) == set()
    assert not any(b"Testpasient 1" in path.read_bytes() for path in after.iterdir())
    store.engine.dispose()


def test_what_is_held_for_somebody_elses_loan_stays(store: Store, series: SqliteTimeSeries) -> None:
    box, patient = measured(store, series, "box-1")
    other = store.box("box-2")
    store.take(box.queue(loan=other.loan), box.queue(loan="l-unknown"))
    with store.engine.begin() as connection:
        registry.end_loan(connection, str(box.loan), now_ms=NOON_MS)
    assert erase_patient(store.engine, series, patient, now_ms=NOON_MS).quarantined == 1
    assert store.status().quarantined == 1


def test_the_others_stay(store: Store, series: SqliteTimeSeries) -> None:
    box, patient = measured(store, series, "box-1")
    measured(store, series, "box-2")
    with store.engine.begin() as connection:
        assert box.loan is not None
        registry.end_loan(connection, box.loan, now_ms=NOON_MS)
    erase_patient(store.engine, series, patient, now_ms=NOON_MS)
    assert (store.bodies(), series.count()) == (20, 20)


def test_a_patient_with_an_open_loan_is_not_erased(store: Store, series: SqliteTimeSeries) -> None:
    _, patient = measured(store, series, "box-1")
    with pytest.raises(RegistryError):
        erase_patient(store.engine, series, patient, now_ms=NOON_MS)
    with pytest.raises(RegistryError):
        erase_patient(store.engine, series, "p-unknown", now_ms=NOON_MS)
    assert store.bodies() == 20


def test_no_table_of_patients_is_forgotten() -> None:
    """A new table with a patient's key in it is erased and rewritten, or stands here with the reason."""
    kept = {
        "patient",  # the key alone, and when it was erased
        "loan",  # which suitcase when, under the key
        "access_log",  # who looked, under the key
    }
    theirs = {table.name for table in metadata.tables.values() if "patient" in table.c} - kept
    assert theirs - {table.name for table in REWRITTEN} == set()


def test_influxdb_shards_hold_nothing_readable(influx: Influx, tmp_path: Path) -> None:
    """What was deleted leaves the files when the shard is at rest; how long that takes is a setting of the server."""
    store = sqlite_store(tmp_path)
    access = InfluxAccess(influx.url, "koffert", influx.new_bucket(), "token")
    series = InfluxTimeSeries(store.engine, access, clock_ms=lambda: NOON_MS)
    box, patient = measured(store, series, "box-1")
    store.take(store.box("box-2").queue())
    project(series, read_step(store.engine, series.cursor(), 1_000))
    deadline_s = time.monotonic() + COMPACTED_WITHIN_S
    # While a snapshot moves it from the log into a shard it may be in neither of the files that were listed.
    while not influx_files_with_marker(influx):
        assert time.monotonic() < deadline_s
        time.sleep(0.2)
    with store.engine.begin() as connection:
        registry.end_loan(connection, str(box.loan), now_ms=NOON_MS)
    erase_patient(store.engine, series, patient, now_ms=NOON_MS)
    deadline_s = time.monotonic() + COMPACTED_WITHIN_S
    while (left := influx_files_with_marker(influx)) and time.monotonic() < deadline_s:
        time.sleep(0.2)
    assert left == []
    assert series.count() == 1
    series.close()
    store.engine.dispose()


def influx_files_with_marker(influx: Influx) -> list[str]:
    """A file may go while it is looked for: InfluxDB puts another in its place."""
    found = []
    for path in influx.files:
        with contextlib.suppress(FileNotFoundError):
            if MARKER_BYTES in path.read_bytes():
                found.append(path.name)
    return found
