"""Who signs what when: in the file, in the log, and without it no loan."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from koffert_hub import registry, tables
from koffert_hub.alerts.rules import RulesError, load_rules
from koffert_hub.alerts.signing import logged_digest, sign_rules, staff_id
from koffert_hub.log_record import Event
from koffert_hub.registry import UnsignedRules
from tests.hub.alerts.kit import RULES_FILE
from tests.hub.kit import Store, sqlite_store

NOW = datetime(2026, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)
DOCTOR = 'Testlege "Æ" 1'


@pytest.fixture(name="store")
def fixture_store(tmp_path: Path) -> Iterator[Store]:
    store = sqlite_store(tmp_path)
    yield store
    store.engine.dispose()


@pytest.fixture(name="rules_file")
def fixture_rules_file(tmp_path: Path) -> Path:
    return Path(shutil.copyfile(RULES_FILE, tmp_path / "rules.toml"))


def test_a_signature_stands_in_the_file_and_in_the_log(store: Store, rules_file: Path) -> None:
    unsigned = load_rules(rules_file)
    assert unsigned.signed_digest is None
    signed = sign_rules(store.engine, rules_file, DOCTOR, now=NOW)
    assert signed == load_rules(rules_file)
    assert signed.signed_digest == unsigned.digest
    (mark,) = signed.signatures
    assert (mark.doctor, mark.signed_at) == (DOCTOR, NOW.replace(microsecond=0))
    record = store.records()[-1]
    assert (record.event, record.at_ms) == (Event.RULES, int(NOW.timestamp() * 1000))
    assert record.detail == f"{unsigned.digest} {staff_id(DOCTOR)}"
    assert "Testlege" not in repr(record)
    assert [path.name for path in rules_file.parent.glob("*signing*")] == []


def test_signing_again_changes_nothing_and_another_doctor_adds(
    store: Store, rules_file: Path
) -> None:
    sign_rules(store.engine, rules_file, DOCTOR, now=NOW)
    content, records = rules_file.read_bytes(), store.records()
    sign_rules(store.engine, rules_file, DOCTOR, now=NOW)
    assert (rules_file.read_bytes(), store.records()) == (content, records)
    both = sign_rules(store.engine, rules_file, "Testlege 2", now=NOW)
    assert [mark.doctor for mark in both.signatures] == [DOCTOR, "Testlege 2"]


def test_a_changed_number_is_unsigned_again(store: Store, rules_file: Path) -> None:
    sign_rules(store.engine, rules_file, DOCTOR, now=NOW)
    text = rules_file.read_text()
    rules_file.write_text(text.replace("floor_pct = 87", "floor_pct = 86"))
    assert load_rules(rules_file).signed_digest is None


def test_what_cannot_be_written_is_not_signed(store: Store, tmp_path: Path) -> None:
    records = store.records()
    with pytest.raises(RulesError):
        sign_rules(store.engine, tmp_path / "absent.toml", DOCTOR, now=NOW)
    broken = tmp_path / "broken.toml"
    broken.write_text("name = 1")
    with pytest.raises(RulesError):
        sign_rules(store.engine, broken, DOCTOR, now=NOW)
    assert store.records() == records


def test_one_person_has_one_id() -> None:
    assert staff_id("Testlege 1") == staff_id(" testlege  1 ") != staff_id("Testlege 2")


def test_no_loan_begins_on_unsigned_rules(store: Store, rules_file: Path) -> None:
    store.box(lent=False)
    unsigned = load_rules(rules_file).signed_digest
    signed = sign_rules(store.engine, rules_file, DOCTOR, now=NOW).signed_digest
    with store.engine.begin() as connection:
        patient = registry.create_patient(connection, store.centre, "Testpasient 1", now_ms=0)
        with pytest.raises(UnsignedRules):
            registry.start_loan(connection, patient, "box-1", rules=unsigned, now_ms=0)
        assert registry.ward(connection) == []
        registry.start_loan(connection, patient, "box-1", rules=signed, now_ms=0)
        assert [place.patient for place in registry.ward(connection)] == [patient]
        assert connection.execute(sa.select(tables.loan.c.rules)).scalar_one() == signed


def test_a_signature_that_the_log_does_not_know_is_none(store: Store, rules_file: Path) -> None:
    """Whoever can write the file can write a name into it."""
    signed = sign_rules(store.engine, rules_file, "Testlege 1", now=NOW)
    with store.engine.connect() as connection:
        assert logged_digest(connection, signed) == signed.signed_digest
        for forged in (
            msgspec.structs.replace(signed.signature[0], doctor="Testlege 2"),
            msgspec.structs.replace(
                signed.signature[0], signed_at=signed.signature[0].signed_at + timedelta(days=1)
            ),
        ):
            other = msgspec.structs.replace(signed, signature=(forged,))
            assert other.signed_digest is not None
            assert logged_digest(connection, other) is None


def test_a_file_signed_at_another_hub_is_signed_again_here(
    store: Store, rules_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = sqlite_store(tmp_path / "other")
    brought = sign_rules(other.engine, rules_file, DOCTOR, now=NOW)
    other.engine.dispose()
    with store.engine.connect() as connection:
        assert logged_digest(connection, brought) is None
    here = sign_rules(store.engine, rules_file, DOCTOR, now=NOW + timedelta(minutes=1))
    with store.engine.connect() as connection:
        assert logged_digest(connection, here) == here.signed_digest
