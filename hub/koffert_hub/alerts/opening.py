"""From the hub's settings to a running alert service."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
from msgspec import Meta, Struct

from koffert_hub.alerts.civil import StaffingHours
from koffert_hub.alerts.desk import CallTaken
from koffert_hub.alerts.escalation import Watch
from koffert_hub.alerts.notify import HttpNotifier, Notifier, SmtpNotifier
from koffert_hub.alerts.rules import SignedDigest, load_rules
from koffert_hub.alerts.service import AlertService
from koffert_hub.alerts.signing import logged_digest
from koffert_hub.database import reading

_LOG = logging.getLogger(__name__)


class MailSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The centre's mail server; contacts are `mailto:address`."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65_535)] = 25
    sender: str


class PostSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An SMS gateway or a webhook; the bearer token stands in a file of its own."""

    url: Annotated[str, Meta(pattern="^https?://")]
    token_file: Path | None = None


class AlertSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which rules hold, when the centre is staffed, and how people are reached.

    `telephone` is the number that a patient is told to ring when nobody answers.
    """

    rules: Path
    staffing: StaffingHours | None = None
    telephone: Annotated[str, Meta(pattern=r"^\+?[0-9][0-9 ]{1,20}$")] | None = None
    named_telephone: str | None = None
    mail: MailSettings | None = None
    sms: PostSettings | None = None
    webhook: PostSettings | None = None


def rules_in_force(settings: AlertSettings | None, engine: sa.Engine) -> SignedDigest | None:
    """What a loan may begin on, read now: None when nothing is judged, or no doctor has signed as the log knows.

    Raises RulesError.
    """
    if settings is None:
        return None
    rules = load_rules(settings.rules)
    with reading(engine) as connection:
        return logged_digest(connection, rules)


def open_alerts(
    settings: AlertSettings,
    engine: sa.Engine,
    clock_ms: Callable[[], int],
    call_taken: CallTaken,
    standing: Callable[[], AlertSettings],
) -> AlertService:
    """The service, ready to run; `standing` says hours and telephones. Raises RulesError when the rules are not sound."""
    rules = load_rules(settings.rules)
    if not rules.signatures:
        _LOG.warning("alert rules %s %s: no doctor has signed them", rules.name, rules.version)
    return AlertService(
        engine,
        rules,
        watch=lambda: _watch(standing()),
        notifiers=_notifiers(settings),
        clock_ms=clock_ms,
        call_taken=call_taken,
    )


def _watch(settings: AlertSettings) -> Watch:
    return Watch(settings.staffing, settings.named_telephone)


def _notifiers(settings: AlertSettings) -> dict[str, Notifier]:
    notifiers: dict[str, Notifier] = {}
    if settings.mail is not None:
        mail = settings.mail
        notifiers["mailto"] = SmtpNotifier(mail.host, mail.port, mail.sender)
    for scheme, post in (("sms", settings.sms), ("webhook", settings.webhook)):
        if post is not None:
            notifiers[scheme] = HttpNotifier(post.url, _authorization(post))
    return notifiers


def _authorization(post: PostSettings) -> dict[str, str]:
    if post.token_file is None:
        return {}
    return {"Authorization": f"Bearer {post.token_file.read_text().strip()}"}
