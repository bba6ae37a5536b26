"""What `koffert hub init` makes for provisioning: authority, certificates, revocation list, broker files."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from koffert_hub.broker_config import BrokerConfig, broker_acl, broker_conf
from koffert_hub.database import open_database
from koffert_hub.provisioning import crl
from koffert_hub.provisioning.pki import Pki, create_authority, renew_certificates
from koffert_hub.settings import ProvisioningSettings, Settings
from koffert_wire.private_files import replace_private

_LOOPBACK = "127.0.0.1"


class Prepared(Struct, frozen=True):
    """What was made, for the person who made it."""

    root_fingerprint: str
    root_key: str | None
    broker_settings: str
    renewed: list[str]


def pki_of(settings: Settings) -> Pki:
    """Where this hub's authority is."""
    return Pki(settings.data_dir / "pki")


def broker_pid_file(settings: Settings) -> Path:
    """Where the broker writes its process id."""
    wanted = settings.provisioning and settings.provisioning.broker_pid_file
    return wanted or settings.data_dir / "broker" / "broker.pid"


def prepare(
    settings: Settings,
    provisioning: ProvisioningSettings,
    *,
    passphrase: Callable[[], str],
    templates: Path,
    now: datetime,
) -> Prepared:
    """Make what is missing in an initialised data folder and renew what soon ends; asks for the passphrase only for a new root.

    Raises CeremonyError.
    """
    pki = pki_of(settings)
    if not pki.exists:
        create_authority(pki, settings.centre, passphrase(), now)
    renewed = renew_certificates(pki, server_names(provisioning), now)
    renew_list(settings, now)
    return Prepared(
        root_fingerprint=pki.root_fingerprint().hex(),
        root_key=str(pki.root_key) if pki.root_key.exists() else None,
        broker_settings=str(_write_broker_files(settings, provisioning, pki, templates)),
        renewed=renewed,
    )


def renew_list(settings: Settings, now: datetime) -> bool:
    """Write the revocation list anew if it is due; returns whether it was."""
    pki = pki_of(settings)
    if not crl.is_due(pki, now):
        return False
    engine = open_database(settings.database_url)
    try:
        crl.publish(engine, pki, now)
    finally:
        engine.dispose()
    return True


def server_names(provisioning: ProvisioningSettings) -> tuple[str, ...]:
    """The server certificate's names: how boxes call this machine, and how it calls itself."""
    return tuple(dict.fromkeys((provisioning.address, "localhost", _LOOPBACK)))


def _write_broker_files(
    settings: Settings, provisioning: ProvisioningSettings, pki: Pki, templates: Path
) -> Path:
    folder = settings.data_dir / "broker"
    folder.mkdir(mode=0o700, exist_ok=True)
    acl_file, conf_file = folder / "broker.acl", folder / "broker.conf"
    config = BrokerConfig(
        device_host=provisioning.host,
        device_port=provisioning.device_port,
        hub_host=settings.broker.host,
        hub_port=settings.broker.port,
        ca=pki.root,
        certificate=pki.server.certificate,
        key=pki.server.key,
        acl_file=acl_file,
        crl_file=pki.crl,
    )
    # As root mosquitto would drop to a user that cannot read keys of mode 0600.
    user = "user root\n" if os.geteuid() == 0 else ""
    text = broker_conf((templates / "broker.conf").read_text(), config)
    pid_file = f"pid_file {broker_pid_file(settings)}\n"
    replace_private(acl_file, broker_acl((templates / "broker.acl").read_text()).encode())
    replace_private(conf_file, (user + pid_file + text).encode())
    return conf_file
