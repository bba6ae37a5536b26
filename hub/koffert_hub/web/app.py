"""The web app: every route in one table, each behind its guard."""

from collections.abc import Sequence
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from koffert_hub.video import page as call_page
from koffert_hub.video import stills
from koffert_hub.video.socket import CALL_PATH, GUEST_PATH, call_socket, guest_socket
from koffert_hub.web import (
    admin_pages,
    alert_api,
    dispatch_pages,
    document_pages,
    hand_pages,
    live_api,
    loan_pages,
    login,
    message_api,
    oidc_pages,
    pages,
    people_pages,
    plan_pages,
    reason_pages,
    record_pages,
    register_pages,
    shift_pages,
    spirometry_pages,
    staff_pages,
    station_pages,
    totp_pages,
    trend_api,
    visit_pages,
    wave_api,
    zone_pages,
)
from koffert_hub.web.context import WebContext, build_context
from koffert_hub.web.drop import DROP_PATH, drop
from koffert_hub.web.guard import NotLoggedIn, ReasonNeeded, Refused, Route, WhoActs, guard
from koffert_hub.web.headers import SecurityHeaders
from koffert_hub.web.services import WebServices

# A route that is not here does not exist; one without a permission says so with None.
ROUTES = (
    *login.ROUTES,
    *totp_pages.ROUTES,
    *oidc_pages.ROUTES,
    *pages.ROUTES,
    *live_api.ROUTES,
    *trend_api.ROUTES,
    *wave_api.ROUTES,
    *alert_api.ROUTES,
    *register_pages.ROUTES,
    *record_pages.ROUTES,
    *spirometry_pages.ROUTES,
    *plan_pages.ROUTES,
    *document_pages.ROUTES,
    *dispatch_pages.ROUTES,
    *hand_pages.ROUTES,
    *admin_pages.ROUTES,
    *people_pages.ROUTES,
    *loan_pages.ROUTES,
    *zone_pages.ROUTES,
    *reason_pages.ROUTES,
    *message_api.ROUTES,
    *visit_pages.ROUTES,
    *shift_pages.ROUTES,
    *staff_pages.ROUTES,
    *station_pages.ROUTES,
    *call_page.ROUTES,
    *stills.ROUTES,
)
# What the emergency centre's own machine serves: it holds no patient's page.
REGISTER_ROUTES = (
    *login.ROUTES,
    *totp_pages.ROUTES,
    *pages.COMMON_ROUTES,
    *register_pages.ROUTES,
    *admin_pages.ROUTES,
)

_API = "/api/"


def create_app(services: WebServices, routes: Sequence[Route] = ROUTES) -> FastAPI:
    """The ASGI app over `services`; RuntimeError when the front end is not built."""
    # The description of the API is for tests and client types; it is not served.
    app = FastAPI(title="Koffert", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.context = build_context(services)
    for route in routes:
        app.add_api_route(
            route.path,
            route.endpoint,
            methods=[route.method],
            dependencies=[Depends(guard(route.permission))],
            response_model=None,
            include_in_schema=route.path.startswith(_API),
        )
    # The WebSockets ask for session or invitation, origin and permission themselves: they have no answer but to close.
    if services.calls is not None:
        app.add_api_websocket_route(CALL_PATH, call_socket)
        app.add_api_websocket_route(GUEST_PATH, guest_socket)
    if services.senders is not None:
        app.add_route(DROP_PATH, drop, methods=["PUT"], include_in_schema=False)
    app.add_middleware(SecurityHeaders, https=services.https)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    return app


def _refused(request: Request, error: Exception) -> Response:
    logged_out = isinstance(error, NotLoggedIn)
    if _is_api(request):
        return JSONResponse({"error": type(error).__name__}, 401 if logged_out else 403)
    if isinstance(error, ReasonNeeded) and request.method == "GET":
        patient = quote(request.path_params["patient"], safe="")
        return RedirectResponse(
            f"/patients/{patient}/reason?to={quote(request.url.path)}", status_code=303
        )
    if isinstance(error, WhoActs) and request.method == "GET":
        return RedirectResponse(f"/identify?to={quote(request.url.path)}", status_code=303)
    if logged_out:
        to = f"?to={quote(request.url.path)}" if request.method == "GET" else ""
        return RedirectResponse(f"/login{to}", status_code=303)
    return _error_page(request, 403)


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if _is_api(request):
        return JSONResponse({"error": status}, status)
    return _error_page(request, status)


def _error_page(request: Request, status: int) -> Response:
    context: WebContext = request.app.state.context
    return context.page(request, "error.html", status_code=status, status=status)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(_API)
