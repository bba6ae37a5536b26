"""What is due is closed and written once, and a dry run only says so."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from koffert_hub import registry
from koffert_hub.database import reading
from koffert_hub.log_access import verify_export
from koffert_hub.log_export import read_export
from koffert_hub.log_record import Event
from koffert_hub.rights.states import RecordState, state_of
from koffert_hub.settings import UpkeepSettings
from koffert_hub.times import from_ms, to_ms
from koffert_hub.upkeep import Upkeep, keep_up
from koffert_hub.web.tables import access_log
from tests.hub.kit import NOON_MS, Store, sqlite_store

NOON = from_ms(NOON_MS)
DAY = timedelta(days=1)


@pytest.fixture(name="store")
def fixture_store(tmp_path: Path) -> Iterator[Store]:
    store = sqlite_store(tmp_path)
    yield store
    store.engine.dispose()


def patient_of(store: Store, loan: str | None) -> str:
    assert loan is not None
    with reading(store.engine) as connection:
        return registry.loans(connection, [loan])[loan].patient


def test_a_record_is_closed_when_its_time_has_come(store: Store) -> None:
    over, lent = store.box("box-1"), store.box("box-2")
    with store.engine.begin() as connection:
        registry.end_loan(connection, str(over.loan), now_ms=NOON_MS)
    patient = patient_of(store, over.loan)
    settings = UpkeepSettings(close_after_days=30)
    assert keep_up(store.engine, settings, now=NOON + 29 * DAY) == Upkeep([], [])
    due = NOON + 30 * DAY
    assert keep_up(store.engine, settings, now=due, dry_run=True) == Upkeep([patient], [])
    assert keep_up(store.engine, settings, now=due) == Upkeep([patient], [])
    assert keep_up(store.engine, settings, now=due) == Upkeep([], [])
    with reading(store.engine) as connection:
        assert state_of(connection, patient) is RecordState.CLOSED
        assert state_of(connection, patient_of(store, lent.loan)) is RecordState.OPEN
    last = store.records()[-1]
    assert (last.event, last.patient, last.detail) == (Event.RECORD, patient, "closed")


def test_each_past_day_is_written_once_and_verifies(store: Store, tmp_path: Path) -> None:
    store.take(store.box().queue())
    settings = UpkeepSettings(log_days=tmp_path / "days")
    day = NOON.date()
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
    for early in (NOON, midnight + timedelta(minutes=59)):
        assert keep_up(store.engine, settings, now=early).exported == []
    later = midnight + DAY + timedelta(hours=1)
    wanted: list[date] = [day, day + DAY]
    assert keep_up(store.engine, settings, now=later, dry_run=True).exported == wanted
    assert not (tmp_path / "days").exists()
    assert keep_up(store.engine, settings, now=later).exported == wanted
    assert keep_up(store.engine, settings, now=later).exported == []
    names = {path.name for path in (tmp_path / "days").iterdir()}
    assert names == {f"log-{one}.{kind}" for one in wanted for kind in ("jsonl", "csv")}
    with (tmp_path / "days" / f"log-{day}.jsonl").open("rb") as file:
        assert verify_export(read_export(file), []).records == 2


def test_old_backups_are_dropped_and_nothing_else(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    for name, age in (("old", 31), ("new", 29)):
        (folder / name).mkdir(parents=True)
        file = folder / name / "hub.sqlite"
        file.touch()
        made_s = (NOON - age * DAY).timestamp()
        os.utime(file, (made_s, made_s))
    (folder / "papers").mkdir()
    settings = UpkeepSettings(backups=folder, keep_backups_days=30)
    done = Upkeep([], [], [str(folder / "old")])
    assert keep_up(store.engine, settings, now=NOON, dry_run=True) == done
    assert (folder / "old").exists()
    assert keep_up(store.engine, settings, now=NOON) == done
    assert {path.name for path in folder.iterdir()} == {"new", "papers"}


def test_the_newest_backup_is_kept_however_old(store: Store, tmp_path: Path) -> None:
    for name, age in (("older", 91), ("last", 90)):
        (tmp_path / name).mkdir()
        file = tmp_path / name / "hub.sqlite"
        file.touch()
        made_s = (NOON - age * DAY).timestamp()
        os.utime(file, (made_s, made_s))
    settings = UpkeepSettings(backups=tmp_path, keep_backups_days=30)
    assert keep_up(store.engine, settings, now=NOON).dropped_backups == [str(tmp_path / "older")]
    assert keep_up(store.engine, settings, now=NOON).dropped_backups == []


def test_who_looked_long_ago_is_dropped_and_the_log_says_so(store: Store) -> None:
    with store.engine.begin() as connection:
        for age in (11, 9):
            connection.execute(
                access_log.insert().values(
                    at_ms=to_ms(NOON - age * DAY), username="anne", action="saw-ward"
                )
            )
    settings = UpkeepSettings(keep_access_days=10)
    assert keep_up(store.engine, settings, now=NOON) == Upkeep([], [], [], 1)
    assert keep_up(store.engine, settings, now=NOON) == Upkeep([], [])
    last = store.records()[-1]
    assert (last.event, last.content, last.count) == (Event.ERASURE, "access-log", 1)
