"""Erasing a patient with PostgreSQL: no file of the server holds a value or a word of theirs, as the docs set it up."""

import secrets
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from koffert_hub import registry, tables
from koffert_hub.database import reading
from koffert_hub.erasure import Erased, erase_patient
from koffert_hub.erasure_files import clear_files, kept_by_settings
from koffert_hub.log_access import verify_whole
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from koffert_hub.web.record import write_note
from tests.hub.box import Box
from tests.hub.kit import NOON_MS, Store
from tests.support.postgres import Postgres

# Nothing else on the server holds these; the long one is stored out of line (TOAST), in words that do not compress.
READING = 87.65432109871
PLANTED = {
    "reading": struct.pack(">d", READING),
    "name": b"Testpasient 918273645",
    "former name": b"Testpasient 546372819",
    "note": b"planted-words-of-a-note",
    "long note": b"planted-end-of-a-long-note",
    "struck note": b"planted-note-that-went-before",
}
SETTINGS = {"wal_recycle": "off", "wal_keep_size": "0", "slots": "0", "archive_mode": "off"}


class Planted(NamedTuple):
    """A hub with a patient whose data is in tables, dead rows, statistics and the write-ahead log."""

    store: Store
    box: Box
    patient: str
    series: SqliteTimeSeries
    files: Path

    def erase(self) -> Erased:
        return erase_patient(self.store.engine, self.series, self.patient, now_ms=NOON_MS)

    def superuser(self) -> sa.Engine:
        """The database as its administrator has it."""
        return _superuser(self.store)


def _superuser(store: Store) -> sa.Engine:
    url = store.engine.url.set(username="koffert")
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)


@pytest.fixture(name="planted")
def fixture_planted(postgres: Postgres, tmp_path: Path) -> Iterator[Planted]:
    store = Store(postgres.new_database(owner=postgres.new_role()))
    series = SqliteTimeSeries(tmp_path / "series.sqlite")
    box = store.box()
    with _superuser(store).connect() as connection:
        # A file of the write-ahead log that ends while they are planted would be gone with the next checkpoint.
        connection.exec_driver_sql("SELECT pg_switch_wal()")
    # More than one of each: ANALYZE keeps samples of what it finds more than once.
    store.take(*(box.queue([box.reading(READING)]) for _ in range(20)))
    with reading(store.engine) as connection:
        patient = registry.loans(connection, [str(box.loan)])[str(box.loan)].patient
    planted = Planted(store, box, patient, series, postgres.data)
    _write_words(planted)
    with store.engine.begin() as connection:
        registry.end_loan(connection, str(box.loan), now_ms=NOON_MS)
    with planted.superuser().connect() as connection:
        # Pages that are changed after a checkpoint go to the write-ahead log whole.
        for statement in ("ANALYZE", "CHECKPOINT", "UPDATE note SET at_ms = at_ms + 1"):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("CHECKPOINT")
    yield planted
    series.close()
    store.engine.dispose()


def _write_words(planted: Planted) -> None:
    engine, person = planted.store.engine, tables.person
    filler = secrets.token_urlsafe(6_000)
    notes = [PLANTED["struck note"], PLANTED["note"], filler.encode() + PLANTED["long note"]]
    for text in [*notes, *notes]:
        write_note(engine, planted.patient, text.decode(), "lege", "Testlege 1", now_ms=NOON_MS)
    for name in ("former name", "name"):
        with engine.begin() as connection:
            connection.execute(person.update().values(display_name=PLANTED[name].decode()))
    with engine.begin() as connection:
        struck = sa.text("DELETE FROM note WHERE text = :text")
        connection.execute(struck, {"text": PLANTED["struck note"].decode()})


def found(planted: Planted, folder: str = "") -> set[str]:
    """Which of what was planted a file of the server holds."""
    contents = [path.read_bytes() for path in (planted.files / folder).rglob("*") if path.is_file()]
    return {
        name for name, marker in PLANTED.items() if any(marker in content for content in contents)
    }


def grant_what_the_docs_ask_for(planted: Planted) -> None:
    role = planted.store.engine.url.username
    with planted.superuser().connect() as connection:
        connection.exec_driver_sql(f"GRANT pg_checkpoint, pg_read_all_stats TO {role}")
        connection.exec_driver_sql(f"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {role}")


def test_no_file_of_the_server_holds_anything_readable(planted: Planted) -> None:
    assert found(planted, "base") == set(PLANTED)
    # Of a changed row only what differs is logged: the new name stands there in part.
    assert found(planted, "pg_wal") >= set(PLANTED) - {"name"}
    with planted.superuser().connect() as connection:
        samples = connection.exec_driver_sql("SELECT count(*) FROM pg_stats WHERE attname = 'text'")
        assert samples.scalar_one() > 0
    grant_what_the_docs_ask_for(planted)
    assert planted.erase().left_in == ()
    assert found(planted) == set()
    with reading(planted.store.engine) as connection:
        assert verify_whole(connection, []).ok


def test_what_the_hub_may_not_clear_it_names(planted: Planted) -> None:
    """Without the grants; and beside a transaction that may still see the deleted rows."""
    said = planted.erase().left_in
    assert ["GRANT pg_" in place for place in said] == [True, True]
    assert found(planted) != set()
    grant_what_the_docs_ask_for(planted)
    engine = planted.store.engine
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as looking:
        looking.exec_driver_sql("SELECT count(*) FROM device")
        with engine.begin() as connection:
            connection.execute(tables.quarantine.delete())
            connection.execute(tables.loan.update().values(end_reason=None))
        (kept,) = clear_files(engine, [tables.quarantine], within_s=0)
        assert "still open" in kept
    assert clear_files(engine, [tables.quarantine]) == ()
    assert found(planted) == set()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("wal_recycle", "on"), ("wal_keep_size", "64"), ("slots", "1"), ("archive_mode", "on")],
)
def test_settings_that_keep_old_write_ahead_log_are_named(setting: str, value: str) -> None:
    assert kept_by_settings(SETTINGS) == []
    assert len(kept_by_settings(SETTINGS | {setting: value})) == 1
