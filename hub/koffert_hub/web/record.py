"""What the hub keeps of one patient beside the numbers: settings, notes, diary, readings one by one."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.alerts import tables as alert_tables
from koffert_hub.alerts.records import Alert, Kind, Number, Patient, Reading, Symptoms
from koffert_hub.alerts.register import NoSuchAlert, find
from koffert_hub.alerts.state import decode_state
from koffert_hub.alerts.texts import in_nynorsk
from koffert_hub.corrections import BODY_COLUMNS, Struck, corrected_ids, struck
from koffert_hub.database import reading
from koffert_hub.documents.records import State
from koffert_hub.documents.store import list_documents
from koffert_hub.loans import LoanState
from koffert_hub.projection import Opened, StoredBody, open_stored
from koffert_hub.provisioning.tables import desired_state
from koffert_hub.web.access_log import Action
from koffert_hub.web.tables import access_log, hand_entry, note
from koffert_wire import messages as wire

# The newest bodies that the list of readings is made from; older ones are a link away.
BODIES_PER_PAGE = 200
NOTES_SHOWN = 50
_PATIENT = msgspec.msgpack.Decoder(Patient)
_ALERT = msgspec.msgpack.Decoder(Alert)
_READING = msgspec.msgpack.Decoder(Reading)


class Who(Struct, frozen=True, kw_only=True):
    """What a nurse must know before the numbers; None where it is not known."""

    settings: Patient | None
    settled_by: str | None
    settled_ms: int | None
    ends_ms: int | None


class Guide(Struct, frozen=True):
    """What is drawn behind a curve: the target band, and what is usual for this patient."""

    low: float | None
    high: float | None
    usual: float | None


class Note(NamedTuple):
    """What somebody wrote."""

    at_ms: int
    display_name: str
    text: str


class Taken(Struct, frozen=True, kw_only=True):
    """One reading, session or diary as it was taken, with what people said of it.

    `quality` is a reading's alone; `worse` a diary's: what was worse, in codes.
    """

    body_sequence: int
    id: str
    at_ms: int
    reason: str | None
    corrected_by: str | None
    entered_by: str | None
    sensor: str = ""
    values: dict[str, float | None] = {}
    quality: float | None = None
    flags: tuple[str, ...] = ()
    worse: tuple[str, ...] | None = None


class Why(Struct, frozen=True):
    """What an alert rests on."""

    rule: str
    version: str
    inputs: dict[str, Number]
    limits: dict[str, Number]
    baseline: dict[str, Number]


class Dot(Struct, frozen=True):
    """One diary: when, and what was worse than usual."""

    at_ms: int
    worse: tuple[str, ...]


class MarkKind(StrEnum):
    """What stands as a mark on the time line; an alert by its priority."""

    RED = "red"
    YELLOW = "yellow"
    BLUE = "blue"
    NOTE = "note"
    CALL = "call"


class Mark(Struct, frozen=True):
    """One thing that happened; `texts` by language, for a note the same in each."""

    at_ms: int
    kind: MarkKind
    texts: dict[str, str]


def who(engine: sa.Engine, patient: str) -> Who:
    """The doctor's settings that hold now, and when the loan ends."""
    setting, loan = alert_tables.alert_setting, tables.loan
    with reading(engine) as connection:
        settled = connection.execute(
            sa.select(setting.c.settings, setting.c.doctor, setting.c.from_ms)
            .where(setting.c.patient == patient)
            .order_by(setting.c.from_ms.desc(), setting.c.id.desc())
            .limit(1)
        ).first()
        ends_ms = (
            connection.execute(
                sa.select(desired_state.c.ends_ms)
                .join(loan, loan.c.id == desired_state.c.loan)
                .where(loan.c.patient == patient, loan.c.state != LoanState.ENDED)
            )
            .scalars()
            .first()
        )
    return Who(
        settings=_PATIENT.decode(settled.settings) if settled else None,
        settled_by=settled.doctor if settled else None,
        settled_ms=settled.from_ms if settled else None,
        ends_ms=ends_ms,
    )


def guides(engine: sa.Engine, patient: str) -> dict[str, Guide]:
    """By quantity, what is drawn behind its curve."""
    settings = who(engine, patient).settings or Patient()
    state = alert_tables.alert_state
    with reading(engine) as connection:
        packed = connection.execute(
            sa.select(state.c.state)
            .where(state.c.patient == patient)
            .order_by(state.c.last_arrival_ms.desc())
            .limit(1)
        ).scalar_one_or_none()
    usual = decode_state(packed).baseline if packed else None
    limits = settings.limits
    return {
        "spo2_pct": Guide(
            settings.target_low_pct,
            settings.target_high_pct,
            usual.spo2_mean_pct if usual else None,
        ),
        "pulse_bpm": Guide(
            limits.pulse_low_bpm, limits.pulse_high_bpm, usual.pulse_mean_bpm if usual else None
        ),
    }


def notes(engine: sa.Engine, patient: str) -> list[Note]:
    """The newest notes first."""
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(note.c.at_ms, note.c.display_name, note.c.text)
            .where(note.c.patient == patient)
            .order_by(note.c.id.desc())
            .limit(NOTES_SHOWN)
        )
        return [Note(*row) for row in rows]


def held_documents(engine: sa.Engine, patient: str) -> int:
    """How many documents wait for somebody to say whose they are."""
    with reading(engine) as connection:
        return len(list_documents(connection, patient, State.HELD))


def write_note(
    engine: sa.Engine, patient: str, text: str, username: str, display_name: str, *, now_ms: int
) -> None:
    """Add a note; it is never changed."""
    values = {"patient": patient, "at_ms": now_ms, "username": username, "text": text}
    with engine.begin() as connection:
        connection.execute(note.insert().values(display_name=display_name, **values))


def taken(engine: sa.Engine, patient: str, before: int) -> tuple[list[Taken], int | None]:
    """Readings of bodies before this log record, the newest first, and where older ones begin."""
    body = tables.body
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(*BODY_COLUMNS)
            .where(body.c.patient == patient, body.c.log_sequence < before)
            .order_by(body.c.log_sequence.desc())
            .limit(BODIES_PER_PAGE)
        ).all()
        corrected = struck(connection, patient)
        entered = {
            row.reading: row.display_name
            for row in connection.execute(
                sa.select(hand_entry.c.reading, hand_entry.c.display_name).where(
                    hand_entry.c.patient == patient
                )
            )
        }
    bodies = [open_stored(StoredBody(*row)) for row in rows]
    found = [
        _taken(opened, one, at_ms, corrected, entered)
        for opened in bodies
        for one, at_ms in (*((one, at_ms) for one, at_ms, _ in opened.readings), *opened.said)
    ]
    older = rows[-1].log_sequence if len(rows) == BODIES_PER_PAGE else None
    return sorted(found, key=lambda one: -one.at_ms), older


def _taken(
    opened: Opened,
    one: wire.Reading | wire.Spirometry | wire.Diary,
    at_ms: int,
    corrected: Mapping[bytes, Struck],
    entered: Mapping[bytes, str],
) -> Taken:
    wrong = corrected.get(one.id)
    taken = Taken(
        body_sequence=opened.log_sequence,
        id=one.id.hex(),
        at_ms=at_ms,
        reason=wrong.reason if wrong else None,
        corrected_by=wrong.by if wrong else None,
        entered_by=entered.get(one.id),
    )
    match one:
        case wire.Reading():
            return msgspec.structs.replace(
                taken, sensor=one.sensor, values=one.values, quality=one.quality, flags=one.flags
            )
        case wire.Spirometry():
            return msgspec.structs.replace(taken, sensor=one.sensor, values=one.values)
        case wire.Diary():
            worse = tuple(code for code, yes in one.answers.items() if yes)
            return msgspec.structs.replace(taken, worse=worse)


def why(engine: sa.Engine, alert_id: str) -> tuple[str, Why] | None:
    """Whose alert it is, and what it rests on; None when there is none of this id."""
    with reading(engine) as connection:
        try:
            row = find(connection, alert_id)
        except NoSuchAlert:
            return None
    alert = row.alert
    return row.patient, Why(alert.rule, alert.version, alert.inputs, alert.limits, alert.baseline)


def diary(engine: sa.Engine, patient: str, start_ms: int, end_ms: int) -> list[Dot]:
    """The diaries of a time, in order."""
    table = alert_tables.alert_reading
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(table.c.data)
            .where(
                table.c.patient == patient,
                table.c.measured_ms >= start_ms,
                table.c.measured_ms < end_ms,
            )
            .order_by(table.c.measured_ms)
        ).scalars()
        readings = [_READING.decode(row) for row in rows]
        wrong = {one.hex() for one in corrected_ids(connection, patient)}
    return [
        Dot(one.measured_ms, _worse(one.value))
        for one in readings
        if one.kind is Kind.DIARY and isinstance(one.value, Symptoms) and one.id not in wrong
    ]


def marks(engine: sa.Engine, patient: str, start_ms: int, end_ms: int) -> list[Mark]:
    """What happened in a time, in order: alerts, notes, calls."""
    alert = alert_tables.alert.c
    with reading(engine) as connection:
        alerts = connection.execute(
            sa.select(alert.opened_ms, alert.content).where(
                alert.patient == patient, alert.opened_ms >= start_ms, alert.opened_ms < end_ms
            )
        ).all()
        written = connection.execute(
            sa.select(note.c.at_ms, note.c.text).where(
                note.c.patient == patient, note.c.at_ms >= start_ms, note.c.at_ms < end_ms
            )
        ).all()
        calls = connection.execute(
            sa.select(access_log.c.at_ms, tables.user.c.display_name)
            .outerjoin(tables.user, tables.user.c.username == access_log.c.username)
            .where(
                access_log.c.patient == patient,
                access_log.c.action == Action.CALLED,
                access_log.c.at_ms >= start_ms,
                access_log.c.at_ms < end_ms,
            )
        ).all()
    found = [_alert_mark(opened_ms, _ALERT.decode(content)) for opened_ms, content in alerts]
    found += [Mark(at_ms, MarkKind.NOTE, {"nb": text, "en": text}) for at_ms, text in written]
    found += [Mark(at_ms, MarkKind.CALL, {"nb": by or "", "en": by or ""}) for at_ms, by in calls]
    return sorted(found, key=lambda mark: mark.at_ms)


def _alert_mark(opened_ms: int, alert: Alert) -> Mark:
    texts = {"nb": alert.text_nb, "nn": in_nynorsk(alert), "en": alert.text_en}
    return Mark(opened_ms, MarkKind(alert.priority.value), texts)


def _worse(symptoms: Symptoms) -> tuple[str, ...]:
    return tuple(name for name, yes in msgspec.structs.asdict(symptoms).items() if yes)
