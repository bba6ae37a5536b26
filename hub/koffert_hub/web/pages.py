"""The pages that people look at all day."""

from fastapi import Request
from starlette.responses import Response

from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission


def ward_page(request: Request, context: Context, session: CurrentSession) -> Response:
    """All patients of the ward; the script fills in the numbers from the live stream."""
    services = context.services
    context.access_log.record(session.username, Action.SAW_WARD, at_ms=services.clock_ms())
    return context.page(request, "ward.html", rows=services.live.snapshot().rows)


def built_file(request: Request, context: Context, name: str) -> Response:
    """A script or style that the bundler wrote."""
    return context.assets.response(name, request)


ROUTES = (
    Route("GET", "/", ward_page, Permission.SEE_WARD),
    Route("GET", "/static/{name}", built_file, None),
)
