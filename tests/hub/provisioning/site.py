"""A hub with its own authority on free loopback ports, as `koffert hub init` leaves it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from koffert_hub.alerts.signing import sign_rules
from koffert_hub.database import open_database
from koffert_hub.provisioning.ceremony import Prepared, pki_of, prepare
from koffert_hub.settings import ProvisioningSettings, Settings, load_settings
from koffert_hub.setup import initialise
from tests.support.mosquitto import Mosquitto, free_port

_CONFIG = Path(__file__).resolve().parents[3] / "config"
TEMPLATES = _CONFIG / "mosquitto"
RULES = _CONFIG / "rules" / "copd-follow-up.toml"
PASSPHRASE = "correct horse battery"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class ProvisioningSite:
    """Settings, authority and database of one hub; its broker is started by `broker`."""

    def __init__(self, folder: Path, now: datetime = NOW) -> None:
        self.folder = folder
        self.config = folder / "hub.toml"
        self.config.write_text(hub_toml(free_port(), free_port(), free_port()))
        self.settings: Settings = load_settings(self.config)
        assert self.settings.provisioning is not None
        self.provisioning: ProvisioningSettings = self.settings.provisioning
        self.centre = initialise(self.settings)
        self.prepared = self.prepare(now)
        self.pki = pki_of(self.settings)
        self.engine: sa.Engine = open_database(self.settings.database_url)
        shutil.copyfile(RULES, folder / RULES.name)
        sign_rules(self.engine, folder / RULES.name, "Testlege 1", now=now)

    def prepare(self, now: datetime) -> Prepared:
        """Hold the ceremony, or repeat it."""
        return prepare(
            self.settings,
            self.provisioning,
            passphrase=lambda: PASSPHRASE,
            templates=TEMPLATES,
            now=now,
        )

    def broker(self) -> Mosquitto:
        """The broker as the ceremony configured it; not yet started."""
        conf = Path(self.prepared.broker_settings).read_text().removeprefix("user root\n")
        return Mosquitto(self.folder, conf, self.provisioning.device_port)


def hub_toml(hub_port: int, enrolment_port: int, device_port: int) -> str:
    """The settings file of a hub that enrols boxes."""
    return f"""data_dir = "hub"
centre = "Dalane DMS"

[broker]
port = {hub_port}
ca = "hub/pki/root.crt"
certificate = "hub/pki/hub.crt"
key = "hub/pki/hub.key"

[provisioning]
address = "127.0.0.1"
port = {enrolment_port}
device_port = {device_port}

[alerts]
rules = "{RULES.name}"
"""
