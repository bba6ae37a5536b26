"""Lending a suitcase to a patient, pausing, taking it back; and which suitcases there are."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import Form, HTTPException, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from koffert_hub import patients
from koffert_hub.alerts.history import NoDoctor
from koffert_hub.alerts.prescription import ImpossibleSettings, only_given
from koffert_hub.alerts.rules import RulesError
from koffert_hub.database import reading
from koffert_hub.loans import EndReason, WrongLoanState
from koffert_hub.provisioning import fleet, lending
from koffert_hub.provisioning.fleet import BoxState, Item
from koffert_hub.provisioning.wiping import accept_wipe
from koffert_hub.registry import RegistryError, UnsignedRules
from koffert_hub.times import from_ms
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.guard import Route
from koffert_hub.web.people_pages import known_person
from koffert_hub.web.permissions import Permission
from koffert_wire.errors import UnreadablePayload
from koffert_wire.wipe_report import decode_wipe

# What is wrong, as the page says it; anything else is not shown.
PROBLEMS = frozenset(
    {"rules", "not-ready", "settings", "doctor", "state", "report", "birth-number", "known"}
)
_BY_HAND = tuple(item for item in Item if item is not Item.WIPED)
# A report has some hundred bytes.
_MOST_REPORT_BYTES = 64 * 1024

Percent = Annotated[float | None, Form(ge=50, le=100)]


class Step(StrEnum):
    """What is done to a loan that goes on."""

    PAUSE = "pause"
    RESUME = "resume"
    END = "end"


def loan_page(
    request: Request, context: Context, session: CurrentSession, patient: str, problem: str = ""
) -> Response:
    """One patient's person and loan."""
    services = context.services
    with reading(services.engine) as connection:
        person = known_person(connection, patient)
        line = patients.line_of(connection, patient)
        boxes = fleet.boxes(connection)
        alike = patients.alike_names(connection, patient, person.display_name)
    context.access_log.record(
        session.username, Action.SAW_PATIENT, at_ms=services.clock_ms(), patient=patient
    )
    return context.page(
        request,
        "loan.html",
        patient=patient,
        person=person,
        line=line,
        alike=alike,
        ready=[box for box in boxes if box.state is BoxState.READY],
        reasons=tuple(EndReason),
        days=lending.LOAN_DAYS,
        most_days=lending.MOST_LOAN_DAYS,
        problem=problem if problem in PROBLEMS else "",
    )


def lend(
    *,
    context: Context,
    session: CurrentSession,
    patient: str,
    device: Annotated[str, Form(max_length=64)],
    days: Annotated[int, Form(ge=1, le=lending.MOST_LOAN_DAYS)],
    target_low_pct: Percent = None,
    target_high_pct: Percent = None,
    spo2_scale: Annotated[int | None, Form(ge=1, le=2)] = None,
    doctor: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Lend a suitcase, with the doctor's target where one is given."""
    wanted = only_given(
        target_low_pct=target_low_pct, target_high_pct=target_high_pct, spo2_scale=spo2_scale
    )
    try:
        rules = context.services.rules_in_force()
        with context.services.engine.begin() as connection:
            known_person(connection, patient)
            lending.hand_out(
                connection,
                device,
                patient,
                rules=rules,
                now=_now(context),
                days=days,
                wanted=wanted,
                doctor=doctor,
            )
    except (UnsignedRules, RulesError):
        return _back(patient, "rules")
    except NoDoctor:
        return _back(patient, "doctor")
    except ImpossibleSettings:
        return _back(patient, "settings")
    except RegistryError:
        return _back(patient, "not-ready")
    _note(context, session.username, Action.LENT, patient, device)
    return _back(patient)


def change_loan(
    context: Context,
    session: CurrentSession,
    patient: str,
    step: Annotated[Step, Form()],
    reason: Annotated[EndReason, Form()] = EndReason.RETURNED,
) -> Response:
    """Pause, resume or end the loan that goes on."""
    try:
        with context.services.engine.begin() as connection:
            line = patients.line_of(connection, patient)
            if line is None or line.device is None or not line.goes_on:
                raise HTTPException(404)
            device = line.device
            if step is Step.PAUSE:
                lending.pause(connection, device, now=_now(context))
            elif step is Step.RESUME:
                lending.resume(connection, device, now=_now(context))
            else:
                fleet.give_back(connection, device, (), now=_now(context), reason=reason)
    except WrongLoanState:
        return _back(patient, "state")
    action = {
        Step.PAUSE: Action.PAUSED,
        Step.RESUME: Action.RESUMED,
        Step.END: Action.ENDED_LOAN,
    }[step]
    detail = f"{device}: {reason}" if step is Step.END else device
    _note(context, session.username, action, patient, detail)
    returned = step is Step.END and reason is EndReason.RETURNED
    return _to(f"/suitcases#{device}") if returned else _back(patient)


def suitcases_page(
    request: Request, context: Context, session: CurrentSession, problem: str = ""
) -> Response:
    """Every suitcase: where it is in its life, and what must be done before it is lent again."""
    with reading(context.services.engine) as connection:
        boxes = fleet.boxes(connection)
        names = {line.key: line.person.display_name for line in patients.listed(connection)}
    at_ms = context.services.clock_ms()
    context.access_log.record(session.username, Action.SAW_SUITCASES, at_ms=at_ms)
    return context.page(
        request,
        "suitcases.html",
        boxes=boxes,
        names=names,
        items=tuple(Item),
        by_hand=_BY_HAND,
        problem=problem if problem in PROBLEMS else "",
    )


def check_suitcase(
    *,
    context: Context,
    session: CurrentSession,
    device: str,
    done: Annotated[list[Item], Form()] = [],  # noqa: B006 - FastAPI makes a new one for each request
    report: UploadFile | None = None,
) -> Response:
    """Tick off what has been done with a suitcase that came back; its own report says that it is clean."""
    now = _now(context)
    sent = b"" if report is None else report.file.read(_MOST_REPORT_BYTES)
    try:
        with context.services.engine.begin() as connection:
            info = fleet.describe(connection, device)
            if info.state is not BoxState.RETURNED:
                raise HTTPException(404)
            fleet.give_back(connection, device, done, now=now)
            loan = fleet.last_loan(connection, device)
            if sent and loan is not None:
                accept_wipe(connection, device, loan, decode_wipe(sent), now)
    except UnreadablePayload:
        return _to(f"/suitcases?problem=report#{device}")
    except RegistryError:
        return _to(f"/suitcases?problem={'report' if sent else 'state'}#{device}")
    items = [*(item.value for item in done), *(["wipe report"] if sent else [])]
    at_ms = context.services.clock_ms()
    context.access_log.record(
        session.username,
        Action.CHECKED_SUITCASE,
        at_ms=at_ms,
        detail=f"{device}: {', '.join(items)}",
    )
    return _to(f"/suitcases#{device}")


def _note(context: WebContext, username: str, action: Action, patient: str, detail: str) -> None:
    at_ms = context.services.clock_ms()
    context.access_log.record(username, action, at_ms=at_ms, patient=patient, detail=detail)


def _now(context: WebContext) -> datetime:
    return from_ms(context.services.clock_ms())


def _back(patient: str, problem: str = "") -> Response:
    return _to(f"/patients/{patient}/loan" + (f"?problem={problem}" if problem else ""))


def _to(address: str) -> Response:
    return RedirectResponse(address, status_code=303)


ROUTES = (
    Route("GET", "/patients/{patient}/loan", loan_page, Permission.LEND),
    Route("POST", "/patients/{patient}/loan", lend, Permission.LEND),
    Route("POST", "/patients/{patient}/loan/step", change_loan, Permission.LEND),
    Route("GET", "/suitcases", suitcases_page, Permission.LEND),
    Route("POST", "/suitcases/{device}", check_suitcase, Permission.LEND),
)
