"""A copy of a record holds all of it, is on record itself, and a restricted one needs a reason."""

import csv
import stat
import zipfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from koffert_hub import registry
from koffert_hub.corrections import Chosen, Reason, correct
from koffert_hub.database import reading
from koffert_hub.documents.importing import import_document
from koffert_hub.documents.projection import DocumentProjection
from koffert_hub.documents.tables import document, document_decision, document_part
from koffert_hub.log_record import Event
from koffert_hub.migrations.all_tables import metadata
from koffert_hub.patients import Person, change_person
from koffert_hub.registry import RegistryError
from koffert_hub.rights.export import export_record
from koffert_hub.rights.sheets import SHEETS
from koffert_hub.rights.states import NeedsReason
from koffert_hub.rights.tables import consent_text, record_state
from koffert_hub.spirometry.tables import spirometry_part
from koffert_hub.tables import body, patient, person
from koffert_hub.web.record import write_note
from koffert_wire.messages import Diary
from tests.drivers.stills.samples import beats, scp
from tests.hub.kit import NOON_MS, Store, sqlite_store

STILL = scp(beats())
# What else of a patient is in the copy, and under which of its files.
OTHERWISE_COPIED = {
    person: "patient.json",
    body: "readings.csv, observations.ndjson and messages.jsonl",
    document: "documents",
    document_decision: "documents.csv",
}
NOT_COPIED = {
    document_part: "where parts of a document wait; their bytes are in messages.jsonl",
    spirometry_part: "where blows lie; they are in messages.jsonl",
}


class Measured:
    """A store with one patient: two readings, one of them struck, a diary, a note and a still."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store: Store = sqlite_store(folder)
        box = self.store.box()
        assert box.loan is not None
        good, bad = box.reading(91.5), box.reading(12.0)
        diary = Diary(box.identifier(), box.now(), {"cough": True})
        self.store.take(box.queue([good, bad]), box.queue([diary]))
        self.struck = bad.id.hex()
        engine = self.store.engine
        with engine.begin() as connection:
            self.patient = registry.loans(connection, [box.loan])[box.loan].patient
            chosen = [Chosen(2, bad.id)]
            correct(connection, self.patient, chosen, Reason.INVALID, "lege", now_ms=NOON_MS)
            import_document(
                connection, self.patient, STILL, kind="scp-ecg", media_type="x", now_ms=NOON_MS
            )
            wanted = Person(display_name="Testpasient 1", birth_number="01815012433")
            change_person(connection, self.patient, wanted, "lege", now_ms=NOON_MS)
        write_note(engine, self.patient, "Ringte; alt vel.", "lege", "Testlege 1", now_ms=NOON_MS)
        projection = DocumentProjection(engine)
        while projection.follow():
            pass

    def export(self, name: str, reason: str = "") -> Path:
        target = self.folder / name
        export_record(
            self.store.engine, self.patient, target, by="sykepleier", reason=reason, now_ms=NOON_MS
        )
        return target


@pytest.fixture(name="measured")
def fixture_measured(tmp_path: Path) -> Iterator[Measured]:
    measured = Measured(tmp_path)
    yield measured
    measured.store.engine.dispose()


def sheet(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text.removeprefix("\ufeff"))))


def test_the_copy_holds_the_whole_record(measured: Measured) -> None:
    folder = measured.export("copy")
    readings = sheet((folder / "readings.csv").read_text())
    values = {row["value"]: row["counts"] for row in readings if row["quantity"] == "spo2_pct"}
    assert values == {"91.5": "yes", "12.0": "no"}
    observations = [
        msgspec.json.decode(line)
        for line in (folder / "observations.ndjson").read_bytes().splitlines()
    ]
    assert {one["status"] for one in observations if one["id"] == measured.struck} == {
        "entered-in-error"
    }
    (component,) = [
        one
        for one in observations[0]["component"]
        if one["code"]["text"] == "spo2_pct" and one["valueQuantity"]["value"] == 91.5
    ]
    assert component["code"]["coding"][0] == {"system": "http://loinc.org", "code": "2708-6"}
    assert msgspec.json.decode((folder / "patient.json").read_bytes())["name"] == [
        {"text": "Testpasient 1"}
    ]
    kinds = [
        msgspec.json.decode(line)["kind"]
        for line in (folder / "messages.jsonl").read_bytes().splitlines()
    ]
    assert kinds == ["reading", "reading", "diary", "document-part"]
    assert [path.read_bytes() for path in (folder / "documents").iterdir()] == [STILL]
    assert sheet((folder / "notes.csv").read_text())[0]["text"] == "Ringte; alt vel."
    assert sheet((folder / "person-changes.csv").read_text())[0]["after"] == "01815012433"
    looked = sheet((folder / "who-looked.csv").read_text())
    assert [(one["username"], one["action"]) for one in looked] == [
        ("sykepleier", "exported-record")
    ]
    assert measured.store.records()[-1].detail == "exported"
    index = (folder / "index.html").read_text()
    names = {path.name for path in folder.iterdir() if path.is_file()} - {"index.html"}
    assert all(f'href="{name}"' in index for name in names)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_a_zip_holds_the_same(measured: Measured) -> None:
    folder, archive = measured.export("copy"), measured.export("copy.zip")
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert set(opened.namelist()) == files
        assert opened.read("readings.csv") == (folder / "readings.csv").read_bytes()


def test_a_record_that_was_put_away_is_copied_for_a_reason(measured: Measured) -> None:
    with measured.store.engine.begin() as connection:
        connection.execute(
            record_state.insert().values(
                patient=measured.patient, at_ms=0, by="lege", state="restricted", reason="asked"
            )
        )
    with pytest.raises(NeedsReason):
        measured.export("copy")
    assert not (measured.folder / "copy").exists()
    looked = sheet((measured.export("copy", "the patient asks") / "who-looked.csv").read_text())
    assert [one["detail"] for one in looked] == ["the patient asks"]


def test_nobody_is_copied_and_nothing_is_overwritten(measured: Measured) -> None:
    measured.export("copy")
    with pytest.raises(FileExistsError):
        measured.export("copy")
    measured.patient = "p-unknown"
    with pytest.raises(RegistryError):
        measured.export("other")


def test_no_table_of_patients_is_forgotten(measured: Measured) -> None:
    """A new table with a patient's key in it must be copied, or said why not."""
    with reading(measured.store.engine) as connection:
        copied = set()
        for one in SHEETS:
            copied |= set(one.query(measured.patient).get_final_froms())
            connection.execute(one.query(measured.patient))
    flat = {table for source in copied for table in sa.sql.util.find_tables(source)}
    theirs = {table for table in metadata.tables.values() if "patient" in table.c}
    assert theirs - flat - set(OTHERWISE_COPIED) - set(NOT_COPIED) - _NOT_OF_THE_RECORD == set()


_NOT_OF_THE_RECORD = {
    metadata.tables["alert_reading"],  # the engine's copy of readings
    metadata.tables["alert_state"],  # what the engine learnt; made anew from the readings
    consent_text,
    patient,
}


def test_events_of_a_record_carry_no_words(measured: Measured) -> None:
    measured.export("copy", "a reason in words")
    told = [one for one in measured.store.records() if one.event is Event.RECORD]
    assert [one.detail for one in told] == ["exported"]
