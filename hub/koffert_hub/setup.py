"""Making a hub's data folder: keys, tables, the log's first epoch, its centre. Safe to repeat."""

import secrets
import time

import sqlalchemy as sa

from koffert_hub import registry, tables
from koffert_hub.database import open_database
from koffert_hub.keys import LOG_KEY_FILE, create_keys
from koffert_hub.migrations import migrate
from koffert_hub.settings import Settings
from koffert_hub.transmission_log import begin_log
from koffert_wire.identifiers import uuid7

_UUID7_RANDOM_BYTES = 10


def initialise(settings: Settings) -> str:
    """Make what is missing; return the centre's id."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (settings.data_dir / LOG_KEY_FILE).exists():
        create_keys(settings.data_dir)
    engine = open_database(settings.database_url)
    try:
        migrate(engine)
        with engine.begin() as connection:
            begin_log(connection, new_epoch(), now_ms=wall_ms())
            return _centre(connection, settings.centre)
    finally:
        engine.dispose()


def new_epoch() -> bytes:
    """An id for a life of the hub's database."""
    return uuid7(time.time_ns(), secrets.token_bytes(_UUID7_RANDOM_BYTES))


def wall_ms() -> int:
    """The hub's wall clock; it must be kept by NTP."""
    return time.time_ns() // 1_000_000


def _centre(connection: sa.Connection, name: str) -> str:
    known = connection.execute(
        sa.select(tables.centre.c.id).where(tables.centre.c.name == name)
    ).scalar_one_or_none()
    return known or registry.create_centre(connection, name, now_ms=wall_ms())
