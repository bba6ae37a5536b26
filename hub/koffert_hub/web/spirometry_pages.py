"""A patient's spirometry: the sessions, one of them large, and whom the reference values are for."""

from datetime import date
from typing import Annotated

import msgspec
from fastapi import Form, HTTPException, Query, Request
from msgspec import Struct
from starlette.responses import RedirectResponse, Response

from koffert_hub.corrections import Reason
from koffert_hub.database import reading
from koffert_hub.spirometry.analysis import BlowView, best, compared, view_blows
from koffert_hub.spirometry.person import Physique
from koffert_hub.spirometry.store import (
    SessionLine,
    curves,
    physique_of,
    sessions,
    write_physique,
)
from koffert_hub.web.access_log import Action
from koffert_hub.web.blow_drawing import Plot, flow_volume, volume_time
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.on_ward import on_record, on_ward
from koffert_hub.web.permissions import Permission
from koffert_signal.reference.gli import HEIGHT_RANGE_CM, Comparison, Reference, Sex
from koffert_wire.messages import WaveformBlock

_LATEST = 2**62
_OLDEST_BIRTH = date(1900, 1, 1)

Moment = Annotated[int, Query(ge=0, le=_LATEST)]


class _Shown(Struct, frozen=True, kw_only=True):
    """The session that is large: its blows, the places of the best three, and its drawings by name."""

    line: SessionLine
    blows: tuple[BlowView, ...]
    ranks: dict[int, int]
    comparison: Comparison | None
    plots: dict[str, Plot]


def spirometry_page(
    request: Request, context: Context, session: CurrentSession, patient: str, shown: str = ""
) -> Response:
    """The sessions, newest first, and the one that was asked for (else the newest) with its blows."""
    row = on_record(context, patient)
    context.access_log.record(
        session.username, Action.SAW_SPIROMETRY, at_ms=context.services.clock_ms(), patient=patient
    )
    with reading(context.services.engine) as connection:
        lines = sessions(connection, patient)
        stored = physique_of(connection, patient)
        line = _chosen(lines, shown)
        blocks = curves(connection, patient, line.session) if line else []
    return context.patient_page(
        request,
        "spirometry.html",
        row,
        lines=lines,
        large=_large(line, blocks, stored.physique if stored else None) if line else None,
        build=stored,
        references=tuple(Reference),
        height_range=HEIGHT_RANGE_CM,
        fixed=fixed,
        reasons=tuple(Reason),
    )


def newest_session(
    request: Request,
    context: Context,
    session: CurrentSession,
    patient: str,
    known: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """The newest session that counts as a part of the call's page; 204 when there is none, or the page has it all."""
    row = on_ward(context, patient)
    with reading(context.services.engine) as connection:
        line = next((one for one in sessions(connection, patient) if one.struck is None), None)
        blocks = curves(connection, patient, line.session) if line else []
        stored = physique_of(connection, patient)
    # Curves come after the session that they are of.
    version = f"{line.id}-{len(blocks)}" if line else ""
    if line is None or version == known:
        return Response(status_code=204)
    context.access_log.record(
        session.username, Action.SAW_SPIROMETRY, at_ms=context.services.clock_ms(), patient=patient
    )
    large = _large(line, blocks, stored.physique if stored else None)
    return context.patient_page(
        request, "call_blow.html", row, large=large, version=version, fixed=fixed
    )


def _chosen(lines: list[SessionLine], shown: str) -> SessionLine | None:
    if not shown:
        # What does not count is opened only by who asks for it.
        return next((line for line in lines if line.struck is None), next(iter(lines), None))
    for line in lines:
        if line.id == shown:
            return line
    raise HTTPException(404)


def _large(line: SessionLine, blocks: list[WaveformBlock], build: Physique | None) -> _Shown:
    blows = view_blows(line.session, blocks)
    ranks = {number: rank for rank, number in enumerate(best(blows))}
    comparison = (
        compared(line.session, build.person_at(line.taken_ms), build.reference) if build else None
    )
    plots = {
        "flow_volume": flow_volume(blows, ranks, comparison),
        "volume_time": volume_time(blows, ranks, comparison),
    }
    return _Shown(line=line, blows=blows, ranks=ranks, comparison=comparison, plots=plots)


def write_build(
    context: Context,
    session: CurrentSession,
    patient: str,
    *,
    sex: Annotated[Sex, Form()],
    birth_date: Annotated[date, Form()],
    height_cm: Annotated[float, Form(ge=HEIGHT_RANGE_CM[0], le=HEIGHT_RANGE_CM[1])],
    reference: Annotated[Reference, Form()],
) -> Response:
    """Say whom the reference values are for; what was said before stays on record."""
    on_ward(context, patient)
    now_ms = context.services.clock_ms()
    if birth_date < _OLDEST_BIRTH:
        raise HTTPException(422)
    build = Physique(sex=sex, birth_date=birth_date, height_cm=height_cm, reference=reference)
    with context.services.engine.begin() as connection:
        write_physique(
            connection, patient, build, session.username, session.display_name, now_ms=now_ms
        )
    context.access_log.record(session.username, Action.CHANGED_BUILD, at_ms=now_ms, patient=patient)
    return RedirectResponse(f"/patients/{patient}/spirometry", status_code=303)


def session_dots(context: Context, patient: str, start_ms: Moment, end_ms: Moment) -> Response:
    """FEV1 and its grade of each session of a time, for the trends."""
    on_record(context, patient)
    with reading(context.services.engine) as connection:
        found = [
            {
                "at_ms": line.taken_ms,
                "fev1_l": line.session.values.get("fev1_l"),
                "grade": line.session.grade_fev1,
                "id": line.id,
            }
            for line in sessions(connection, patient)
            if line.struck is None and start_ms <= line.taken_ms < end_ms
        ]
    return Response(msgspec.json.encode(found), media_type="application/json")


def fixed(value: float | None, decimals: int) -> str:
    """A number with that many decimals, as Norwegians write it; a dash where there is none."""
    return "–" if value is None else f"{value:.{decimals}f}".replace(".", ",").replace("-", "−")


ROUTES = (
    Route("GET", "/patients/{patient}/spirometry", spirometry_page, Permission.SEE_PATIENT),
    Route("GET", "/patients/{patient}/call/blow", newest_session, Permission.SEE_PATIENT),
    Route("POST", "/patients/{patient}/build", write_build, Permission.WRITE_RECORD),
    Route("GET", "/api/v1/patients/{patient}/spirometry", session_dots, Permission.SEE_PATIENT),
)
