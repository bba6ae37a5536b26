"""The register names every kind of thing that happens, and nothing clinical of it."""

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from koffert_hub import registry, tables
from koffert_hub.alerts.history import settle
from koffert_hub.alerts.records import Patient
from koffert_hub.alerts.signing import sign_rules
from koffert_hub.corrections import Chosen, Reason, correct
from koffert_hub.database import reading
from koffert_hub.erasure import erase_patient
from koffert_hub.ingest import Received
from koffert_hub.log_record import Direction, Event, LogRecord, Result
from koffert_hub.provisioning.revocation import revoke_device
from koffert_hub.provisioning.tables import box as box_table
from koffert_hub.quarantine import requeue_through
from koffert_hub.rights import consents, deciding
from koffert_hub.times import from_ms
from koffert_hub.transmission_log import rows_after
from koffert_hub.video.register import VisitNote, write_note
from koffert_wire.messages import Reading
from tests.hub.alerts.kit import RULES_FILE
from tests.hub.box import NOON_NS
from tests.hub.kit import NOON_MS, NoSeries, Store, sqlite_store

NOW = from_ms(NOON_MS)
# What was measured, who they are, and what people wrote: none of it may stand in a record, in text or in bytes.
SPO2_PCT = 87.65432109876
WORDS = ("Testpasient", "planted-reason", "planted-consent", str(SPO2_PCT))


class Scene:
    """A hub with one lent suitcase, and a file of rules."""

    def __init__(self, folder: Path) -> None:
        self.store: Store = sqlite_store(folder)
        self.box = self.store.box()
        self.loan = str(self.box.loan)
        self.rules = Path(shutil.copyfile(RULES_FILE, folder / "rules.toml"))
        with reading(self.store.engine) as connection:
            self.patient = registry.loans(connection, [self.loan])[self.loan].patient
        with self.store.engine.begin() as connection:
            given = {"device": "box-1", "centre": self.store.centre, "label": "", "added_ms": 0}
            connection.execute(box_table.insert().values(given))
        self.readings: list[Reading] = []

    def begin(self) -> None:
        """The hub has begun its log by itself."""

    def send(self, loan: str | None = None) -> None:
        self.readings.append(self.box.reading(SPO2_PCT))
        self.store.take(self.box.queue([self.readings[-1]], loan=loan or self.loan))

    def refuse(self) -> None:
        queued = self.box.queue([self.box.reading(SPO2_PCT)])
        payload = queued.payload(link_key=os.urandom(32))
        self.store.take_raw(Received(queued.topic, payload, NOON_NS))

    def requeue(self) -> None:
        with self.store.engine.begin() as connection:
            row = connection.execute(sa.select(tables.loan)).one()._asdict()
            connection.execute(tables.loan.insert().values(row | {"id": "l-later"}))
        assert requeue_through(self.store.engine, self.store.intake, ()).stored == 1

    def strike(self) -> None:
        chosen = [Chosen(2, self.readings[0].id)]
        with self.store.engine.begin() as connection:
            correct(connection, self.patient, chosen, Reason.INVALID, "kari", now_ms=NOON_MS)

    def visit(self) -> None:
        note = VisitNote(
            at_ms=NOON_MS,
            device="box-1",
            patient=self.patient,
            loan=self.loan,
            call=bytes(16),
            what="answered",
        )
        write_note(self.store.engine, note)

    def sign(self) -> None:
        sign_rules(self.store.engine, self.rules, "Testlege 1", now=NOW)

    def settle(self) -> None:
        with self.store.engine.begin() as connection:
            settle(connection, self.patient, Patient(), "Testlege 1", now_ms=NOON_MS)

    def consent(self) -> None:
        with self.store.engine.begin() as connection:
            consents.add_text(connection, "2026-1", "planted-consent", now_ms=NOON_MS)
            consents.give(connection, self.patient, "2026-1", "kari", now_ms=NOON_MS)

    def restrict(self) -> None:
        with self.store.engine.begin() as connection:
            deciding.restrict(connection, self.patient, "kari", "planted-reason", now=NOW)

    def revoke(self) -> None:
        with self.store.engine.begin() as connection:
            revoke_device(connection, "box-1", reason="lost", now=NOW)

    def erase(self) -> None:
        erase_patient(self.store.engine, NoSeries(), self.patient, now_ms=NOON_MS)


# In this order: what is done, and the record that the register then has of it.
DONE: list[tuple[Callable[[Scene], None], Event, Direction, Result]] = [
    (Scene.begin, Event.EPOCH, Direction.HUB, Result.DONE),
    (Scene.send, Event.TRANSMISSION, Direction.UP, Result.STORED),
    (
        lambda scene: scene.send(loan="l-later"),
        Event.TRANSMISSION,
        Direction.UP,
        Result.QUARANTINED,
    ),
    (Scene.refuse, Event.REFUSAL, Direction.UP, Result.REFUSED),
    (Scene.requeue, Event.REQUEUE, Direction.UP, Result.STORED),
    (Scene.sign, Event.RULES, Direction.HUB, Result.DONE),
    (Scene.settle, Event.SETTINGS, Direction.HUB, Result.DONE),
    (Scene.visit, Event.VISIT, Direction.HUB, Result.DONE),
    (Scene.strike, Event.CORRECTION, Direction.HUB, Result.DONE),
    (Scene.consent, Event.CONSENT, Direction.HUB, Result.DONE),
    (Scene.revoke, Event.REVOCATION, Direction.HUB, Result.DONE),
    (Scene.restrict, Event.RECORD, Direction.HUB, Result.DONE),
    (Scene.erase, Event.ERASURE, Direction.HUB, Result.DONE),
]
# What needs more of a hub than this stands in a test of its own, which asks for that very record.
ELSEWHERE = {
    Event.KEY: "tests/hub/test_log_rotation.py",
    Event.NOTICE: "tests/hub/alerts/test_escalation.py",
    Event.DISPATCH: "tests/web/test_dispatch.py",
    Event.RECEPTION: "tests/web/test_dispatch.py",
}


def test_all_that_happens_is_in_the_register_without_a_clinical_value(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for do, event, direction, result in DONE:
        before = scene.store.records()
        do(scene)
        new = scene.store.records()[len(before) :] or before
        assert (event, direction, result) in {
            (one.event, one.direction, one.result) for one in new
        }, event
    with reading(scene.store.engine) as connection:
        records = [row.record for row in rows_after(connection, 0)]
    for record in records:
        assert struct.pack(">d", SPO2_PCT) not in record
        assert not [word for word in WORDS if word.encode() in record], record
    scene.store.engine.dispose()


def test_every_kind_of_record_has_a_test(root: Path) -> None:
    assert {event for _, event, _, _ in DONE} | ELSEWHERE.keys() == set(Event)
    for event, file in ELSEWHERE.items():
        assert f"Event.{event.name}" in (root / file).read_text(), event


def test_a_record_has_no_field_for_a_value() -> None:
    """A new field is looked at here: `detail` takes codes and references, nothing takes a measurement."""
    assert LogRecord.__struct_fields__ == (
        *("sequence", "epoch", "at_ms", "event", "direction", "result", "device", "patient"),
        *("loan", "transmission", "lane", "content", "count", "bytes", "payload_hash", "detail"),
    )
