"""The broker's configuration from the templates in `config/mosquitto/`. Pure: text in, text out."""

from pathlib import Path
from string import Template

import msgspec
from msgspec import Struct

# The common name of the hub's own client certificate; the ACL knows it, and no box may be called so.
HUB_USER = "hub"


class BrokerConfig(Struct, frozen=True, kw_only=True):
    """What differs from hub to hub. The boxes' listener faces them, the hub's stays on loopback."""

    device_port: int
    hub_port: int
    ca: Path
    certificate: Path
    key: Path
    acl_file: Path
    crl_file: Path | None = None
    device_host: str = "127.0.0.1"
    hub_host: str = "127.0.0.1"
    # mosquitto holds some 25 KiB per idle TLS connection (measured): 20,000 are 0.5 GB.
    max_connections: int = 20_000


def broker_conf(template: str, config: BrokerConfig) -> str:
    """`broker.conf` filled in; KeyError when the template asks for something unknown."""
    values = msgspec.structs.asdict(config)
    crl_file = values.pop("crl_file")
    values["crl"] = f"crlfile {crl_file}" if crl_file else "# no revocation list"
    return Template(template).substitute(values)


def broker_acl(template: str) -> str:
    """`broker.acl` filled in."""
    return Template(template).substitute(hub_user=HUB_USER)
