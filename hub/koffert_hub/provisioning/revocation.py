"""Revoking a box: at once in the hub, then at the broker, also for the link that is up.

mosquitto reads a new list on SIGHUP, for new connections only, and says nothing of it. So a probe
certificate with the box's name is revoked together with the box: once the probe is refused, the list is
in force. A last connection with a certificate that lives for minutes then takes the box's session over,
which ends the link that was up; the box cannot come back.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa
from cryptography import x509
from msgspec import Struct

from koffert_hub import registry
from koffert_hub.authority import Identity, Revoked
from koffert_hub.log_record import Event, Result
from koffert_hub.provisioning import crl
from koffert_hub.provisioning.certificates import revoke_certificates
from koffert_hub.provisioning.desired_state import desire, desired
from koffert_hub.provisioning.journal import note
from koffert_hub.provisioning.pki import Pki
from koffert_hub.provisioning.tokens import void_tokens
from koffert_hub.settings import ProvisioningSettings
from koffert_wire.mqtt import Endpoint, MqttConnection, MqttError, TlsFiles
from koffert_wire.private_files import replace_private

# Only as long as a takeover needs, with room for a slow machine; what is left of it is worthless.
TAKEOVER_LIFETIME = timedelta(minutes=5)
# How long the broker may take to read the list; it does so between two rounds of its loop.
IN_FORCE_WITHIN_S = 4.0
_PROBE_INTERVAL_S = 0.1
_CONNECT_TIMEOUT_S = 2.0
_LOOPBACK = "127.0.0.1"
_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - compared with, never bound


class Enforcement(StrEnum):
    """What is known of the broker after a revocation; the hub itself refuses in any case."""

    IN_FORCE = "in-force"
    BROKER_DOWN = "broker-down"
    NOT_CONFIRMED = "not-confirmed"


def revoke_device(connection: sa.Connection, device: str, *, reason: str, now: datetime) -> None:
    """From this commit on the hub takes nothing of the box; raises RegistryError when there is none."""
    registry.revoke_device(connection, device)
    revoke_certificates(connection, device, now)
    void_tokens(connection, device)
    before = desired(connection, device)
    loan, ends_ms = (before.loan, before.ends_ms) if before else (None, None)
    desire(connection, device, loan=loan, ends_ms=ends_ms, locked=True, now=now)
    note(connection, Event.REVOCATION, Result.DONE, device=device, detail=reason, now=now)


class BrokerGate(Struct, frozen=True):
    """The broker's door: who may come in is decided by the list that it reads."""

    engine: sa.Engine
    pki: Pki
    provisioning: ProvisioningSettings
    pid_file: Path

    async def shut(self, device: str, now: datetime) -> Enforcement:
        """Put the list in force and end the link of a box that has been revoked."""
        authority = self.pki.authority()
        probe, takeover = (authority.issue_client(device, now, TAKEOVER_LIFETIME) for _ in range(2))
        crl.publish(self.engine, self.pki, now, also=[Revoked(_serial(probe), now)])
        if not crl.tell_broker(self.pid_file):
            return Enforcement.BROKER_DOWN
        with self._endpoints(device, probe, takeover) as (probing, taking_over):
            # A broker that nobody can reach refuses both; only who lets the second in has read the list.
            shut = await _refused(probing) and await _is_let_in(taking_over)
        return Enforcement.IN_FORCE if shut else Enforcement.NOT_CONFIRMED

    @contextmanager
    def _endpoints(self, device: str, *identities: Identity) -> Iterator[list[Endpoint]]:
        """Ways to connect as the box, with each identity on disk for as long as it is needed."""
        host = self.provisioning.host
        host = _LOOPBACK if host == _ANY_ADDRESS else host
        endpoints = []
        with tempfile.TemporaryDirectory(prefix="koffert-") as folder:
            for number, identity in enumerate(identities):
                pem = Path(folder) / f"{number}.pem"
                replace_private(pem, identity.key_pem + identity.certificate_pem)
                files = TlsFiles(self.pki.root, pem, pem)
                endpoints.append(Endpoint(host, self.provisioning.device_port, device, files))
            yield endpoints


async def _refused(endpoint: Endpoint) -> bool:
    """Whether the broker refuses this before the deadline."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + IN_FORCE_WITHIN_S
    while await _is_let_in(endpoint):
        if loop.time() >= deadline_s:
            return False
        await asyncio.sleep(_PROBE_INTERVAL_S)
    return True


async def _is_let_in(endpoint: Endpoint) -> bool:
    """Connect as the box and leave again."""
    connection = MqttConnection(endpoint, on_message=lambda _: None)
    try:
        await connection.open(_CONNECT_TIMEOUT_S)
    except MqttError:
        return False
    finally:
        await connection.close()
    return True


def _serial(identity: Identity) -> int:
    return x509.load_pem_x509_certificate(identity.certificate_pem).serial_number
