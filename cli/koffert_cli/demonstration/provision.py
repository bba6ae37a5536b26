"""Everything a demonstration needs on disk: a throw-away authority, keys, settings, a filled registry."""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_agent.loan import CurrentLoan, write_loan
from koffert_cli.places import configuration_folder
from koffert_hub import patients, registry
from koffert_hub.alerts.civil import StaffingHours
from koffert_hub.alerts.records import Patient
from koffert_hub.alerts.rules import SignedDigest
from koffert_hub.alerts.signing import sign_rules
from koffert_hub.authority import Authority, Identity
from koffert_hub.broker_config import HUB_USER, BrokerConfig, broker_acl, broker_conf
from koffert_hub.database import open_database
from koffert_hub.keys import SEALING_PUBLIC_FILE
from koffert_hub.provisioning.box_settings import settings_for, standard_of
from koffert_hub.registry import Role
from koffert_hub.settings import Settings, load_settings
from koffert_hub.setup import initialise
from koffert_hub.visits.calendar import plan_visit
from koffert_wire.commands import PlannedVisit
from koffert_wire.sealing import LINK_KEY_BYTES

CENTRE = "Dalane DMS"
NURSE = "sykepleier"
_NURSE_NAME = "Sykepleier Test"
# Signs the throw-away copy of the rules: nothing here is judged for a real patient.
_DOCTOR = "Lege Test"
_RULES_FILE = "copd-follow-up.toml"
_LOOPBACK = "127.0.0.1"
# No Norwegian number begins like this: nobody is rung by mistake.
_NURSE_TELEPHONE = "00 00 00 00"
# Somebody is always watching a demonstration.
_ALWAYS = "\n".join(
    f"{day} = {{ start = 00:00:00, end = 00:00:00 }}" for day in StaffingHours.__struct_fields__
)
# 72 random bits: enough for an evening on loopback, short enough to type.
_PASSWORD_BYTES = 9
# The day's visits: one patient each quarter, the first one soon.
_QUARTER_S, _QUARTERS = 900, 20


class Ports(Struct, frozen=True):
    """The loopback ports of a demonstration."""

    devices: int
    hub: int
    web: int


class Box(Struct, frozen=True):
    """One provisioned box: its settings file needs only the port of its oximeter."""

    device: str
    patient: str
    loan: str
    folder: Path
    visit: PlannedVisit

    @property
    def settings(self) -> Path:
        """The agent's settings file."""
        return self.folder / "agent.toml"


class Site(Struct, frozen=True):
    """A provisioned demonstration."""

    folder: Path
    ports: Ports
    boxes: tuple[Box, ...]
    password: str

    @property
    def hub_settings(self) -> Path:
        """The hub's settings file."""
        return self.folder / "hub.toml"

    @property
    def database_url(self) -> str:
        """Where the hub's registry and log are."""
        return load_settings(self.hub_settings).database_url

    @property
    def broker_settings(self) -> Path:
        """The broker's configuration."""
        return self.folder / "broker.conf"


def provision(
    folder: Path, patients: int, ports: Ports, now: datetime, stores: Settings | None = None
) -> Site:
    """Fill `folder`, which must exist and be empty; `now` dates the certificates and the loans.

    Of `stores` the database (which must be empty too) and the time series are used, instead of files in `folder`.
    """
    authority = Authority.create("Koffert demonstration", now)
    _write_certificates(folder, authority, now)
    _write_broker_settings(folder, ports)
    rules_file = folder / _RULES_FILE
    shutil.copyfile(configuration_folder() / "rules" / _RULES_FILE, rules_file)
    (folder / "hub.toml").write_text(_hub_settings(ports, stores))
    settings = load_settings(folder / "hub.toml")
    centre = initialise(settings)
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    engine = open_database(settings.database_url)
    try:
        rules = sign_rules(engine, rules_file, _DOCTOR, now=now).signed_digest
        with engine.begin() as connection:
            registry.create_user(
                connection, NURSE, password, Role.NURSE, _NURSE_NAME, centre=centre
            )
            boxes = _lend_all(connection, centre, folder / "boxes", patients, rules=rules, now=now)
    finally:
        engine.dispose()
    for box in boxes:
        _write_identity(box.folder, "device", authority.issue_client(box.device, now))
    return Site(folder, ports, boxes, password)


def write_agent_settings(box: Box, site: Site, sensors: Mapping[str, str]) -> None:
    """Write the settings of a box with these sensors (driver to port), and what its hub would tell it."""
    alerts = load_settings(site.hub_settings).alerts
    told = settings_for(standard_of(alerts), Patient()) if alerts else None
    data_dir = box.folder / "data"
    data_dir.mkdir(mode=0o700, exist_ok=True)
    write_loan(data_dir, CurrentLoan(box.loan, settings=told, visits=(box.visit,)))
    box.settings.write_text(
        f"""device = "{box.device}"
data_dir = "data"

[hub]
host = "{_LOOPBACK}"
port = {site.ports.devices}
ca = "../../ca.crt"
certificate = "device.crt"
key = "device.key"
link_key = "link.key"
sealing_key = "../../hub/{SEALING_PUBLIC_FILE}"

[stills]
folder = "stills"

[video]
camera = "test:"
microphone = "test:"
loudspeaker = ""
"""
        + "".join(
            f'\n[[sensors]]\ndriver = "{driver}"\nport = "{port}"\n'
            for driver, port in sensors.items()
        )
    )


def _lend_all(
    connection: sa.Connection,
    centre: str,
    boxes: Path,
    patients: int,
    *,
    rules: SignedDigest | None,
    now: datetime,
) -> tuple[Box, ...]:
    return tuple(
        _lend(connection, centre, number, boxes, rules=rules, now=now)
        for number in range(1, patients + 1)
    )


def _lend(
    connection: sa.Connection,
    centre: str,
    number: int,
    boxes: Path,
    *,
    rules: SignedDigest | None,
    now: datetime,
) -> Box:
    now_ms = int(now.timestamp() * 1000)
    device = f"koffert-{number:04d}"
    folder = boxes / device
    folder.mkdir(parents=True)
    link_key = secrets.token_bytes(LINK_KEY_BYTES)
    _write_secret(folder / "link.key", link_key)
    patient = registry.create_patient(connection, centre, f"Testpasient {number}", now_ms=now_ms)
    registry.create_device(connection, device, link_key, centre=centre, now_ms=now_ms)
    loan = registry.start_loan(connection, patient, device, rules=rules, now_ms=now_ms)
    patients.confirm_identity(connection, loan, NURSE, _NURSE_NAME, now_ms=now_ms)
    visit = _next_visit(number, now)
    plan_visit(connection, loan, visit.starts_ms, visit.visit_with, now=now)
    return Box(device, patient, loan, folder, visit)


def _next_visit(number: int, now: datetime) -> PlannedVisit:
    next_quarter_s = (int(now.timestamp()) // _QUARTER_S + 1) * _QUARTER_S
    return PlannedVisit((next_quarter_s + (number - 1) % _QUARTERS * _QUARTER_S) * 1000)


def _write_certificates(folder: Path, authority: Authority, now: datetime) -> None:
    (folder / "ca.crt").write_bytes(authority.identity.certificate_pem)
    _write_identity(folder, "broker", authority.issue_server((_LOOPBACK, "localhost"), now))
    _write_identity(folder, "hub", authority.issue_client(HUB_USER, now))


def _write_broker_settings(folder: Path, ports: Ports) -> None:
    templates = configuration_folder() / "mosquitto"
    acl_file = folder / "broker.acl"
    acl_file.write_text(broker_acl((templates / "broker.acl").read_text()))
    acl_file.chmod(0o600)
    config = BrokerConfig(
        device_port=ports.devices,
        hub_port=ports.hub,
        ca=folder / "ca.crt",
        certificate=folder / "broker.crt",
        key=folder / "broker.key",
        acl_file=acl_file,
    )
    text = broker_conf((templates / "broker.conf").read_text(), config)
    # As root mosquitto would drop to a user that cannot read keys of mode 0600.
    user = "user root\n" if os.geteuid() == 0 else ""
    (folder / "broker.conf").write_text(user + text)


def _write_identity(folder: Path, name: str, identity: Identity) -> None:
    (folder / f"{name}.crt").write_bytes(identity.certificate_pem)
    _write_secret(folder / f"{name}.key", identity.key_pem)


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _hub_settings(ports: Ports, stores: Settings | None) -> str:
    database = f"database = {_toml(stores.database)}\n" if stores and stores.database else ""
    series = stores.time_series if stores else None
    fields = msgspec.structs.asdict(series) if series else {}
    lines = "".join(f"{name} = {_toml(value)}\n" for name, value in fields.items())
    time_series = f"\n[time_series]\n{lines}" if series else ""
    return f"""data_dir = "hub"
centre = "{CENTRE}"
{database}
[broker]
port = {ports.hub}
ca = "ca.crt"
certificate = "hub.crt"
key = "hub.key"

[web]
port = {ports.web}
https = false

[alerts]
rules = "{_RULES_FILE}"
telephone = "{_NURSE_TELEPHONE}"

[alerts.staffing]
{_ALWAYS}
{time_series}"""


def _toml(value: object) -> str:
    """A string or a path as TOML writes it: as JSON does."""
    return json.dumps(str(value), ensure_ascii=False)
