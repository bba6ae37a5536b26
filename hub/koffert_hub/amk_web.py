"""The register's pages on the emergency centre's own machine: its replicas, its own accounts, no patient."""

from collections.abc import Callable, Iterable
from pathlib import Path

import sqlalchemy as sa
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from koffert_hub.database import open_database
from koffert_hub.live import LiveFeed
from koffert_hub.migrations import migrate
from koffert_hub.settings import WebSettings
from koffert_hub.time_series.records import Trend
from koffert_hub.web.app import REGISTER_ROUTES, create_app
from koffert_hub.web.register import LogSource
from koffert_hub.web.services import LocalAccounts, WebServices
from koffert_hub.web_server import PartServer

# Accounts, sessions and the access log of this machine.
ACCOUNTS_FILE = "accounts.sqlite"
# What the pages show above the log-in; the register is its own centre.
_NAME = "AMK"
_STOP_S = 1


class NoTrends:
    """A machine without readings."""

    def trend(self, patient: str, quantity: str, start_ms: int, end_ms: int, buckets: int) -> Trend:
        """See `Trends`: there is none, and no route asks."""
        raise KeyError(patient, quantity, start_ms, end_ms, buckets)


def open_accounts(data_dir: Path) -> sa.Engine:
    """The database of this machine's accounts, made when it is missing."""
    engine = open_database(f"sqlite:///{data_dir / ACCOUNTS_FILE}")
    migrate(engine)
    return engine


def source_of(name: str, engine: sa.Engine, hub_key: Path, own_key: Ed25519PublicKey) -> LogSource:
    """A replica as the pages show it."""
    return LogSource(
        name, engine, Ed25519PublicKey.from_public_bytes(hub_key.read_bytes()), own_key
    )


async def serve_register(
    settings: WebSettings,
    accounts: sa.Engine,
    logs: Iterable[LogSource],
    clock_ms: Callable[[], int],
) -> None:
    """Serve the pages until cancelled."""
    services = WebServices(
        engine=accounts,
        live=LiveFeed(clock_ms),
        time_series=NoTrends(),
        accounts=LocalAccounts(accounts),
        clock_ms=clock_ms,
        centre_name=_NAME,
        https=settings.https,
        logs=tuple(logs),
    )
    config = uvicorn.Config(
        create_app(services, REGISTER_ROUTES),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_STOP_S,
    )
    await PartServer(config).serve()
