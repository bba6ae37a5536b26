"""Readings that staff enter on a patient's page."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Form, HTTPException
from starlette.responses import RedirectResponse, Response

from koffert_hub.by_hand import PLAUSIBLE, Entered, NotPlausible, Source, enter
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.on_ward import on_ward
from koffert_hub.web.permissions import Permission

_ZONE = ZoneInfo("Europe/Oslo")
_MS_PER_S = 1000
# What a form field holds at most: a number with decimals, or a moment to the second.
_FIELD = Form(max_length=25)


def enter_reading(
    context: Context,
    session: CurrentSession,
    patient: str,
    *,
    source: Annotated[Source, Form()],
    measured: Annotated[str, _FIELD] = "",
    crp_mg_l: Annotated[str, _FIELD] = "",
    temperature_c: Annotated[str, _FIELD] = "",
    systolic_mmhg: Annotated[str, _FIELD] = "",
    diastolic_mmhg: Annotated[str, _FIELD] = "",
    spo2_pct: Annotated[str, _FIELD] = "",
) -> Response:
    """File the numbers that were filled in, as one reading of this moment or of the one that is given."""
    on_ward(context, patient)
    now_ms = context.services.clock_ms()
    given = (crp_mg_l, temperature_c, systolic_mmhg, diastolic_mmhg, spo2_pct)
    try:
        values = {
            name: float(text.replace(",", "."))
            for name, text in zip(PLAUSIBLE, given, strict=True)
            if text.strip()
        }
        entered = Entered(values, source, _moment_ms(measured) if measured else now_ms)
        with context.services.engine.begin() as connection:
            enter(
                connection, patient, entered, session.username, session.display_name, now_ms=now_ms
            )
    except (NotPlausible, ValueError, OverflowError) as error:
        raise HTTPException(422) from error
    context.access_log.record(
        session.username, Action.ENTERED_BY_HAND, at_ms=now_ms, patient=patient
    )
    return RedirectResponse(f"/patients/{patient}", status_code=303)


def _moment_ms(local: str) -> int:
    """A moment as the browser's field writes it, in Norwegian time; of an hour that comes twice the first."""
    return int(datetime.fromisoformat(local).replace(tzinfo=_ZONE).timestamp()) * _MS_PER_S


ROUTES = (Route("POST", "/patients/{patient}/entered", enter_reading, Permission.WRITE_RECORD),)
