"""The record of who looked at whom."""

from enum import StrEnum

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub.database import reading
from koffert_hub.tables import person
from koffert_hub.web.tables import access_log


class Action(StrEnum):
    """What was done; `patient` says to whom where it concerns one."""

    LOGGED_IN = "logged-in"
    LOGIN_REFUSED = "login-refused"
    LOGGED_OUT = "logged-out"
    ACKNOWLEDGED = "acknowledged"
    CALLED = "called"
    SAW_WARD = "saw-ward"
    SAW_PATIENT = "saw-patient"
    SAW_TREND = "saw-trend"
    SAW_ACCESS_LOG = "saw-access-log"
    SAW_LOG = "saw-log"
    SAW_RECORD = "saw-record"
    CHECKED_RECORD = "checked-record"
    EXPORTED_LOG = "exported-log"
    CHANGED_USER = "changed-user"
    SEARCHED_NAME = "searched-name"
    SAW_READINGS = "saw-readings"
    WROTE_NOTE = "wrote-note"
    KEPT_PICTURE = "kept-picture"
    CORRECTED = "corrected"
    SAW_SPIROMETRY = "saw-spirometry"
    CHANGED_BUILD = "changed-build"
    SAW_PATIENTS = "saw-patients"
    REGISTERED_PATIENT = "registered-patient"
    CHANGED_PERSON = "changed-person"
    CONFIRMED_IDENTITY = "confirmed-identity"
    SAW_SUITCASES = "saw-suitcases"
    LENT = "lent"
    PAUSED = "paused"
    RESUMED = "resumed"
    ENDED_LOAN = "ended-loan"
    CHECKED_SUITCASE = "checked-suitcase"
    SAW_PLAN = "saw-plan"
    SET_LIMITS = "set-limits"
    WROTE_CARD = "wrote-card"
    CHANGED_HOME = "changed-home"
    SAW_DOCUMENTS = "saw-documents"
    SAW_DOCUMENT = "saw-document"
    BROUGHT_DOCUMENT = "brought-document"
    DECIDED_DOCUMENT = "decided-document"
    SENT_DOCUMENT = "sent-document"
    SAW_INBOX = "saw-inbox"
    RECEIVED_DOCUMENT = "received-document"
    CHANGED_ZONES = "changed-zones"
    WROTE_TO_PATIENT = "wrote-to-patient"
    PRINTED_SUMMARY = "printed-summary"
    SAW_HAND_OVER = "saw-hand-over"
    TOOK_SHIFT = "took-shift"
    STARTED_STATION = "started-station"
    ENDED_STATION = "ended-station"
    IDENTIFIED = "identified"
    NOT_IDENTIFIED = "not-identified"
    CHANGED_ROSTER = "changed-roster"
    CHANGED_CREDENTIAL = "changed-credential"
    SAW_WAVE = "saw-wave"
    EXPORTED_RECORD = "exported-record"
    OPENED_RECORD = "opened-record"
    ENTERED_BY_HAND = "entered-by-hand"
    SAW_VISITS = "saw-visits"
    PLANNED_VISIT = "planned-visit"
    MOVED_VISIT = "moved-visit"
    CANCELLED_VISIT = "cancelled-visit"


class Look(Struct, frozen=True):
    """One line of the access log; the name is today's, None when it has been erased.

    `detail` is what the person gave as a reason, or what was changed.
    """

    id: int
    at_ms: int
    username: str
    action: Action
    patient: str | None
    patient_name: str | None
    detail: str | None


class AccessLog:
    """Written before the answer is given: what cannot be logged is not shown. Called from threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(
        self,
        username: str,
        action: Action,
        *,
        at_ms: int,
        patient: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Add one line."""
        with self._engine.begin() as connection:
            connection.execute(
                access_log.insert().values(
                    at_ms=at_ms, username=username, action=action, patient=patient, detail=detail
                )
            )

    def latest(self, count: int, *, patient: str | None = None, before: int) -> list[Look]:
        """Up to `count` lines with ids below `before`, newest first, of everyone or of one patient."""
        query = (
            sa.select(access_log, person.c.display_name)
            .outerjoin(person, person.c.patient == access_log.c.patient)
            .where(access_log.c.id < before)
            .order_by(access_log.c.id.desc())
            .limit(count)
        )
        if patient is not None:
            query = query.where(access_log.c.patient == patient)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [
            Look(
                row.id,
                row.at_ms,
                row.username,
                Action(row.action),
                row.patient,
                row.display_name,
                row.detail,
            )
            for row in rows
        ]
