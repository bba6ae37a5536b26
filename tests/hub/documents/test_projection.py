"""Parts in any order become one document; it is read, kept, made again by a rebuild, and erased."""

from pathlib import Path

import msgspec
import pytest

from koffert_drivers.stills.reader import read_still
from koffert_drivers.stills.records import EcgStill
from koffert_hub.database import reading
from koffert_hub.documents.importing import import_document
from koffert_hub.documents.projection import DocumentProjection, rebuild
from koffert_hub.documents.records import NoSuchDocument, NothingToDecide, Reason, State
from koffert_hub.documents.store import decide, fetch_document, fetch_leads
from koffert_hub.documents.understanding import Known, Understood, understand
from koffert_hub.erasure import erase_patient
from koffert_hub.log_record import Direction, Event
from koffert_hub.registry import RegistryError
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from tests.drivers.stills.samples import beats, scp
from tests.hub.documents.kit import (
    end_loan,
    follow,
    listed,
    named,
    parts_of,
    patient_of,
    queued,
    rows,
    send,
    waiting_parts,
)
from tests.hub.kit import NOON_MS, Store, sqlite_store
from tests.hub.stores import store_on_each  # noqa: F401 - a fixture

STILL = scp(beats())


@pytest.mark.parametrize("records", [1, 7, 500])
def test_parts_in_any_order_are_one_document(store: Store, records: int) -> None:
    box = store.box()
    send(store, box, STILL, shuffled=1)
    send(store, box, STILL, shuffled=2)
    follow(store, records)
    (line,) = listed(store, patient_of(store, box))
    assert (line.state, line.reason, line.kind) == (State.FILED, None, "scp-ecg")
    assert (line.loan, line.taken_ms, line.size_bytes) == (box.loan, NOON_MS, len(STILL))
    assert waiting_parts(store) == 0


def test_a_still_is_read_and_every_sample_kept(store: Store) -> None:
    send(store, store.box(), STILL)
    follow(store)
    (line,) = listed(store)
    still = read_still(STILL)
    assert isinstance(still, EcgStill)
    with reading(store.engine) as connection:
        found = fetch_document(connection, line.id)
        leads = fetch_leads(connection, line.id)
    assert found.content == STILL
    assert found.summary is not None
    assert [lead.name for lead in found.summary.leads] == [lead.name for lead in still.leads]
    for stored, lead in zip(leads, still.leads, strict=True):
        assert stored.samples.tolist() == lead.samples.tolist()
        assert (stored.gain_uv, stored.derived) == (lead.gain_uv, lead.derived)


def test_a_document_waits_for_its_last_part(store: Store) -> None:
    box = store.box()
    *most, last = parts_of(box, STILL)
    for part in most:
        store.take(queued(box, part))
    follow(store)
    assert (listed(store), waiting_parts(store)) == ([], len(most))
    store.take(queued(box, last))
    follow(store)
    assert len(listed(store)) == 1


def test_a_hub_that_died_before_it_filed_files_when_it_comes_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(store, store.box(), STILL)
    with monkeypatch.context() as dying:
        dying.setattr(DocumentProjection, "_file_whole", lambda _: None)
        follow(store)
    assert listed(store) == []
    follow(store)
    assert len(listed(store)) == 1


def test_a_still_of_somebody_else_is_held_until_a_person_decides(store: Store) -> None:
    box = store.box()
    for content in (named("Nordmann", "Kari"), named("Nordmann", "Ola"), named("1", "TESTPASIENT")):
        send(store, box, content)
    follow(store)
    held = [line for line in listed(store) if line.state is State.HELD]
    assert [line.reason for line in held] == [Reason.OTHER_PERSON] * 2
    assert len(listed(store)) == 3
    for line, is_theirs in zip(held, (True, False), strict=True):
        with store.engine.begin() as connection:
            decide(connection, line.id, is_theirs=is_theirs, by="lege", now_ms=NOON_MS)
    states = {line.id: line.state for line in listed(store)}
    assert [states[line.id] for line in held] == [State.FILED, State.REJECTED]
    record = store.records()[-1]
    assert (record.event, record.detail) == (Event.CORRECTION, f"{held[1].id} rejected")
    rebuild(store.engine, lambda _: None)
    assert {line.id: line.state for line in listed(store)} == states
    with store.engine.begin() as connection, pytest.raises(NothingToDecide):
        decide(connection, held[0].id, is_theirs=True, by="lege", now_ms=NOON_MS)


def test_what_cannot_be_read_is_kept_with_the_reason(store: Store) -> None:
    box = store.box()
    damaged = bytearray(STILL)
    damaged[700] ^= 1
    send(store, box, bytes(damaged))
    send(store, box, b"no still at all")
    follow(store)
    found = listed(store)
    assert {line.reason for line in found} == {Reason.DAMAGED, Reason.UNKNOWN_FORMAT}
    with reading(store.engine) as connection:
        assert {fetch_document(connection, line.id).summary for line in found} == {None}
        assert {fetch_leads(connection, line.id) for line in found} == {()}


def test_a_wrong_hash_is_held_and_the_right_one_still_comes(store: Store) -> None:
    box = store.box()
    for part in parts_of(box, STILL):
        store.take(queued(box, msgspec.structs.replace(part, sha256=bytes(32))))
    follow(store)
    assert [(line.state, line.reason) for line in listed(store)] == [
        (State.HELD, Reason.WRONG_HASH)
    ]
    send(store, box, STILL)
    follow(store)
    assert {line.state for line in listed(store)} == {State.HELD, State.FILED}


def test_one_still_of_two_patients_is_two_documents(store: Store) -> None:
    for device in ("box-1", "box-2"):
        send(store, store.box(device), STILL)
    follow(store)
    assert len({line.patient for line in listed(store)}) == len(listed(store)) == 2


def test_a_rebuild_gives_the_same(store: Store) -> None:
    box = store.box()
    for content in (STILL, named("Nordmann", "Kari"), b"no still"):
        send(store, box, content, shuffled=3)
        store.take(box.queue())
        follow(store)
    before = rows(store)
    assert len(before) == 3
    assert rebuild(store.engine, lambda _: None) == 3
    assert rows(store) == before


def test_an_import_goes_through_the_log(store: Store) -> None:
    patient = patient_of(store, store.box())
    with store.engine.begin() as connection:
        identifier = import_document(
            connection, patient, STILL, kind="scp-ecg", media_type="a/b", now_ms=NOON_MS
        )
    follow(store)
    (line,) = listed(store, patient)
    assert (line.id, line.loan, line.taken_ms) == (identifier, None, NOON_MS)
    record = store.records()[-1]
    assert (record.direction, record.detail, record.patient) == (Direction.HUB, "import", patient)
    before = rows(store)
    rebuild(store.engine, lambda _: None)
    assert rows(store) == before
    with store.engine.begin() as connection, pytest.raises(RegistryError):
        import_document(connection, "p-0", STILL, kind="k", media_type="a/b", now_ms=NOON_MS)


def test_the_same_file_by_box_and_by_hand_is_one_document(store: Store) -> None:
    box = store.box()
    send(store, box, STILL)
    with store.engine.begin() as connection:
        import_document(
            connection,
            patient_of(store, box),
            STILL,
            kind="scp-ecg",
            media_type="a/b",
            now_ms=NOON_MS,
        )
    follow(store)
    assert len(listed(store)) == 1


def test_an_erased_patient_leaves_nothing(tmp_path: Path) -> None:
    """In the files either: the still, its samples and the name in it."""
    store = sqlite_store(tmp_path)
    series = SqliteTimeSeries(tmp_path / "series.sqlite")
    box = store.box()
    send(store, box, named("NORDMANN", "KARI"))
    *_, last = parts_of(box, STILL)
    store.take(queued(box, last))
    follow(store)
    (line,) = listed(store)
    with store.engine.begin() as connection:
        decide(connection, line.id, is_theirs=True, by="lege", now_ms=NOON_MS)
    assert any(b"NORDMANN" in path.read_bytes() for path in tmp_path.iterdir())
    end_loan(store, box)
    erase_patient(store.engine, series, line.patient, now_ms=NOON_MS)
    assert not any(b"NORDMANN" in path.read_bytes() for path in tmp_path.iterdir())
    assert (listed(store), waiting_parts(store)) == ([], 0)
    series.close()
    store.engine.dispose()


def test_what_is_erased_while_it_is_read_is_not_filed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = SqliteTimeSeries(tmp_path / "series.sqlite")
    box = store.box()
    patient = patient_of(store, box)
    send(store, box, STILL)

    def reading_slowly(content: bytes, person: Known | None) -> Understood:
        end_loan(store, box)
        erase_patient(store.engine, series, patient, now_ms=NOON_MS)
        return understand(content, person)

    monkeypatch.setattr("koffert_hub.documents.projection.understand", reading_slowly)
    follow(store)
    assert (listed(store), waiting_parts(store)) == ([], 0)
    series.close()


def test_there_is_no_such_document(store: Store) -> None:
    with reading(store.engine) as connection, pytest.raises(NoSuchDocument):
        fetch_document(connection, "d-0")
