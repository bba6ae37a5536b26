"""Trends: minimum, mean and maximum of a quantity over equal stretches of time."""

from enum import StrEnum
from typing import Annotated

import msgspec
from fastapi import Query
from starlette.responses import Response

from koffert_hub.database import reading
from koffert_hub.rights.states import RecordState, state_of
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.on_ward import on_record
from koffert_hub.web.permissions import Permission

_HOUR_MS = 3_600_000
# The end of 9999: no calendar that we use goes further.
_LATEST_MS = 253_402_300_799_000
# The longest that the patient page offers.
MAX_HOURS = 24 * 366
# More than a screen has pixels shows nothing more.
MAX_BUCKETS = 2000
# A ward that is longer asks in parts.
MOST_WARD_ROWS = 50
# One value a minute.
_WARD_BUCKETS = 60


class TrendQuantity(StrEnum):
    """Quantities that are drawn as trends."""

    SPO2 = "spo2_pct"
    PULSE = "pulse_bpm"
    RESPIRATORY_RATE = "respiratory_rate_bpm"
    FEV1 = "fev1_l"
    TEMPERATURE = "temperature_c"
    SYSTOLIC = "systolic_mmhg"
    CRP = "crp_mg_l"


def trend(
    *,
    context: Context,
    session: CurrentSession,
    patient: str,
    quantity: Annotated[list[TrendQuantity], Query(min_length=1, max_length=len(TrendQuantity))],
    hours: Annotated[int, Query(ge=1, le=MAX_HOURS)] = 1,
    end_ms: Annotated[int | None, Query(ge=0, le=_LATEST_MS)] = None,
    buckets: Annotated[int, Query(ge=1, le=MAX_BUCKETS)] = 60,
) -> Response:
    """`hours` of each `quantity` up to `end_ms` (now); times are the starts of buckets in ms since 1970.

    The last hour is part of the ward view and of its line in the access log; more is a look at the patient.
    """
    services = context.services
    on_record(context, patient)
    now_ms = services.clock_ms()
    if hours > 1 or end_ms is not None:
        context.access_log.record(session.username, Action.SAW_TREND, at_ms=now_ms, patient=patient)
    until_ms = now_ms if end_ms is None else end_ms
    start_ms = until_ms - hours * _HOUR_MS
    found = {
        name: services.time_series.trend(patient, name, start_ms, until_ms, buckets)
        for name in dict.fromkeys(quantity)
    }
    content = {"start_ms": start_ms, "end_ms": until_ms, "trends": found}
    return Response(msgspec.json.encode(content), media_type="application/json")


def ward_trends(
    context: Context,
    patient: Annotated[list[str], Query(min_length=1, max_length=MOST_WARD_ROWS)],
) -> Response:
    """The last hour of SpO₂ and pulse by patient, a bucket a minute.

    Who is not on the ward, or whose record is put away, is left out.
    """
    services = context.services
    end_ms = services.clock_ms()
    on_ward = [one for one in dict.fromkeys(patient) if services.live.row(one) is not None]
    with reading(services.engine) as connection:
        shown = [one for one in on_ward if state_of(connection, one) is RecordState.OPEN]
    trends = {
        one: {
            name: services.time_series.trend(one, name, end_ms - _HOUR_MS, end_ms, _WARD_BUCKETS)
            for name in (TrendQuantity.SPO2, TrendQuantity.PULSE)
        }
        for one in shown
    }
    return Response(msgspec.json.encode({"trends": trends}), media_type="application/json")


ROUTES = (
    Route("GET", "/api/v1/patients/{patient}/trend", trend, Permission.SEE_PATIENT),
    Route("GET", "/api/v1/ward/trends", ward_trends, Permission.SEE_WARD),
)
