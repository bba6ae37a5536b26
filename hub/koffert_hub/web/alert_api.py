"""Taking an alert."""

import msgspec
from starlette.responses import JSONResponse, Response

from koffert_hub.alerts.ward import AlertGone
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission


def acknowledge(context: Context, session: CurrentSession, alert: str) -> Response:
    """Take an alert: 200 for who was first, 409 with the first taker for everyone after, 404 when gone."""
    services = context.services
    now_ms = services.clock_ms()
    try:
        taken = services.alerts.acknowledge(alert, session.username, session.display_name, now_ms)
    except AlertGone:
        return JSONResponse({"error": "gone"}, 404)
    if taken.first:
        context.access_log.record(
            session.username, Action.ACKNOWLEDGED, at_ms=now_ms, patient=taken.alert.patient
        )
    content = msgspec.json.encode(taken.alert)
    return Response(content, 200 if taken.first else 409, media_type="application/json")


ROUTES = (Route("POST", "/api/v1/alerts/{alert}/acknowledge", acknowledge, Permission.ACKNOWLEDGE),)
