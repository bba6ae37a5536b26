"""The database's schema, step by step: `migrate` brings a new or older one up to date."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def migrate(engine: sa.Engine) -> None:
    """Create or upgrade the tables, in one transaction where the database can do that."""
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "head")


def configuration(connection: sa.Connection) -> Config:
    """Alembic's settings over an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
