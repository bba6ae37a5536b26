"""What every handler shares, built once by `create_app`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import jinja2
import msgspec
from fastapi import Depends, Request
from starlette.responses import HTMLResponse

from koffert_hub.alerts.records import Alert
from koffert_hub.alerts.texts import in_nynorsk
from koffert_hub.birth_number import spaced
from koffert_hub.database import reading
from koffert_hub.live import LiveRow, Mark
from koffert_hub.patients import line_of, person_of
from koffert_hub.web.access_log import AccessLog
from koffert_hub.web.assets import Assets
from koffert_hub.web.catalogue import LANGUAGES, Catalogue, load_catalogues
from koffert_hub.web.permissions import Permission
from koffert_hub.web.services import WebServices
from koffert_hub.web.session import ACTING_MS, Session, SessionStore
from koffert_hub.web.throttle import STATION_LIMITS, LoginThrottle

_ZONE = ZoneInfo("Europe/Oslo")

LANGUAGE_COOKIE = "koffert_language"
# Written by the page's own button.
THEME_COOKIE = "koffert_theme"
# What stands after a number, in every language; FEV₁/FVC has none.
UNITS = {
    "spo2_pct": "%",
    "pulse_bpm": "/min",
    "respiratory_rate_bpm": "/min",
    "fev1_l": "L",
    "fvc_l": "L",
    "fev6_l": "L",
    "pef_l_s": "L/s",
    "fef25_75_l_s": "L/s",
    "temperature_c": "°C",
    "systolic_mmhg": "mmHg",
    "diastolic_mmhg": "mmHg",
    "crp_mg_l": "mg/L",
}


@dataclass(frozen=True)
class WebContext:
    """The services and what the web app keeps beside them."""

    services: WebServices
    sessions: SessionStore
    access_log: AccessLog
    throttle: LoginThrottle
    station_throttle: LoginThrottle
    catalogues: Mapping[str, Catalogue]
    assets: Assets
    templates: jinja2.Environment

    @property
    def session_cookie(self) -> str:
        """The cookie's name; `__Host-` makes browsers refuse it without TLS or from a sibling host."""
        return "__Host-koffert" if self.services.https else "koffert"

    def catalogue(self, request: Request) -> Catalogue:
        """The texts in the language that this reader chose."""
        chosen = request.cookies.get(LANGUAGE_COOKIE, "")
        return self.catalogues.get(chosen, self.catalogues[LANGUAGES[0]])

    def patient_page(
        self, request: Request, template: str, row: LiveRow, **values: Any
    ) -> HTMLResponse:
        """A page about one patient, headed by name, birth number and suitcase."""
        with reading(self.services.engine) as connection:
            person = person_of(connection, row.patient)
            line = line_of(connection, row.patient)
        if line is not None and line.identity_confirmed:
            # The feed hears of it a moment later; the one who confirmed it reads this page now.
            marks = tuple(mark for mark in row.marks if mark is not Mark.UNCONFIRMED)
            row = msgspec.structs.replace(row, marks=marks)
        if self.services.live.row(row.patient) is None:
            # The suitcase is given back: what was is read, nothing is added.
            values["may"] = lambda _name: False
        return self.page(request, template, row=row, person=person, **values)

    def page(
        self, request: Request, template: str, *, status_code: int = 200, **values: Any
    ) -> HTMLResponse:
        """Render one page."""
        session: Session | None = getattr(request.state, "session", None)
        catalogue = self.catalogue(request)
        html = self.templates.get_template(template).render(
            t=catalogue.text,
            counted=catalogue.counted,
            catalogue=catalogue,
            languages=LANGUAGES,
            asset=self.assets.url,
            session=session,
            **{"may": lambda name: session is not None and session.may(Permission(name)), **values},
            moment=moment,
            decimal=decimal,
            unit_of=UNITS,
            spaced=spaced,
            sentence=lambda alert: sentence(alert, catalogue.language),
            path=request.url.path,
            theme="night" if request.cookies.get(THEME_COOKIE) == "night" else "day",
            centre_name=self.services.centre_name,
        )
        acting = session is not None and session.acting_until_ms is not None
        # A shared screen that was left goes back to the ward by itself.
        headers = {"Refresh": f"{ACTING_MS // 1000}; url=/"} if acting else None
        return HTMLResponse(html, status_code=status_code, headers=headers)


def sentence(alert: Alert, language: str) -> str:
    """What an alert says, in this language."""
    if language == "nn":
        return in_nynorsk(alert)
    return alert.text_en if language == "en" else alert.text_nb


def moment(ms: int) -> str:
    """A time as people in Norway write it, with the offset: an autumn night has one hour twice."""
    return datetime.fromtimestamp(ms / 1000, _ZONE).strftime("%d.%m.%Y %H:%M:%S (%z)")


def decimal(value: float) -> str:
    """A number with at most one decimal, as Norwegians write it; nothing is rounded past a limit."""
    tenths = int(value * 10) / 10
    return f"{tenths:g}".replace(".", ",")


def build_context(services: WebServices) -> WebContext:
    """Load texts, templates and built files; RuntimeError when the front end is not built."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("koffert_hub.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return WebContext(
        services=services,
        sessions=SessionStore(services.engine),
        access_log=AccessLog(services.engine),
        throttle=LoginThrottle(services.clock_ms),
        station_throttle=LoginThrottle(services.clock_ms, STATION_LIMITS),
        catalogues=load_catalogues(),
        assets=Assets.load(),
        templates=templates,
    )


def _context(request: Request) -> WebContext:
    context: WebContext = request.app.state.context
    return context


def _session(request: Request) -> Session:
    session: Session = request.state.session
    return session


Context = Annotated[WebContext, Depends(_context)]
# Only in routes that name a permission: the guard has put the session there.
CurrentSession = Annotated[Session, Depends(_session)]
