"""What the web app is given; it opens nothing by itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import sqlalchemy as sa

from koffert_hub.alerts.rules import SignedDigest
from koffert_hub.alerts.ward import Alerts, NoAlerts
from koffert_hub.database import reading
from koffert_hub.live import LiveFeed
from koffert_hub.registry import User, verify_user
from koffert_hub.time_series.records import Trend
from koffert_hub.video.call import Calls
from koffert_hub.web.oidc import Provider
from koffert_hub.web.register import LogSource
from koffert_hub.web.senders import Senders


class Accounts(Protocol):
    """Who may log in; called from worker threads."""

    def verify(self, username: str, password: str) -> User | None:
        """The user whose password this is, else None, after the same time whoever asks."""
        ...


class Trends(Protocol):
    """What the pages read of the time series."""

    def trend(self, patient: str, quantity: str, start_ms: int, end_ms: int, buckets: int) -> Trend:
        """See `TimeSeries`."""
        ...


class LocalAccounts:
    """The accounts in the hub's own registry."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def verify(self, username: str, password: str) -> User | None:
        """See `Accounts`."""
        with reading(self._engine) as connection:
            return verify_user(connection, username, password)


@dataclass(frozen=True, kw_only=True)
class WebServices:
    """The parts of the hub that the web app shows.

    `engine` holds sessions and the access log. `clock_ms` is the hub's wall clock in ms since 1970.
    `https` says that browsers reach the app over TLS (through the proxy in front): cookies are then
    bound to it. Without it the app is for loopback alone. `logs` are the registers that can be looked into.
    `provider` is the organisation's own log-in. `senders` are machines that may drop stills. `receiving_units` are the units that a
    still can be sent to: id and name. `rules_in_force` is what a loan may begin on, read anew; raises RulesError.
    """

    engine: sa.Engine
    live: LiveFeed
    time_series: Trends
    accounts: Accounts
    clock_ms: Callable[[], int]
    centre_name: str
    https: bool = True
    alerts: Alerts = field(default_factory=NoAlerts)
    calls: Calls | None = None
    logs: tuple[LogSource, ...] = ()
    provider: Provider | None = None
    senders: Senders | None = None
    receiving_units: Mapping[str, str] = field(default_factory=dict)
    rules_in_force: Callable[[], SignedDigest | None] = lambda: None
