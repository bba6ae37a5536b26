"""The box's certificate is renewed long before it ends, with a new key each time.

From day 10 of 30 on a request goes to the hub over the link. What comes back is tried in a connection of
its own and only then takes the old one's place, in one rename. A certificate that has ended is renewed
over HTTPS, where the old key vouches for the new one.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from koffert_agent.clock import NS_PER_S, Clock, now
from koffert_agent.enrolment.desk import Desk
from koffert_agent.enrolment.enrol import certified, signing_request
from koffert_agent.enrolment.failures import EnrolmentError
from koffert_agent.enrolment.identity import (
    DamagedIdentity,
    Identity,
    IdentityFiles,
    key_pem,
    load_key,
    new_key,
)
from koffert_agent.supervisor import Pulse
from koffert_wire.enrolment import RENEW_PATH, RenewReply, RenewRequest, renewal_proof_bytes
from koffert_wire.messages import CertificateRequest, Message
from koffert_wire.mqtt import Endpoint, MqttConnection, MqttError, TlsFiles
from koffert_wire.private_files import replace_private

# Day 10 of 30 (a certificate is dated back by one): two thirds are left for a box that is not online.
RENEW_AT_AGE = timedelta(days=11)
# So that boxes which were enrolled together do not renew together.
JITTER = timedelta(days=1)
LOOK_INTERVAL_S = 3600.0

_LOG = logging.getLogger(__name__)


class Renewer(Struct, frozen=True):
    """What renewal needs of the box. `identity` is None where keys were put in place by hand."""

    files: IdentityFiles
    identity: Identity | None
    endpoint: Endpoint
    clock: Clock
    random: Callable[[], float]
    submit: Callable[[Iterable[Message]], None]
    reconnect: Callable[[], object]

    async def run(self, pulse: Pulse) -> None:
        """Look once an hour, for ever."""
        jitter = JITTER * self.random()
        while True:
            pulse.rest()
            if self.identity is not None:
                try:
                    await self.look(self.identity, jitter)
                except (DamagedIdentity, EnrolmentError, OSError) as error:
                    _LOG.warning("the certificate could not be renewed: %s", error)
            await asyncio.sleep(LOOK_INTERVAL_S * (0.5 + self.random()))

    async def look(self, identity: Identity, jitter: timedelta) -> None:
        """Ask for a new certificate if it is time; raises DamagedIdentity, EnrolmentError or OSError."""
        certificate = await asyncio.to_thread(self._certificate)
        if not self.clock.wall_trusted():
            return
        at = datetime.fromtimestamp(self.clock.wall_ns() / NS_PER_S, UTC)
        if at >= certificate.not_valid_after_utc:
            await asyncio.to_thread(self._renew_over_https, identity)
            self.reconnect()
        elif at >= certificate.not_valid_before_utc + RENEW_AT_AGE + jitter:
            csr = await asyncio.to_thread(lambda: signing_request(self._next_key()))
            self.submit([CertificateRequest(now(self.clock), csr)])

    async def take(self, certificates_pem: bytes) -> None:
        """Use what the hub has answered, if it works; the old one stays until it does."""
        try:
            pem = await asyncio.to_thread(self._with_next_key, certificates_pem)
        except (DamagedIdentity, EnrolmentError, OSError) as error:
            _LOG.warning("the new certificate cannot be used: %s", error)
            return
        if pem is None:
            return  # an answer that was asked for before the last one came
        if await self._works():
            await asyncio.to_thread(self._swap)
            _LOG.info("the certificate was renewed")
        self.reconnect()

    async def _works(self) -> bool:
        """Whether the broker takes the new pair; this ends the link that is up, which comes back."""
        tls = TlsFiles(self.files.tls.ca, self._next_pem, self._next_pem)
        trial = Endpoint(self.endpoint.host, self.endpoint.port, self.endpoint.client_id, tls)
        connection = MqttConnection(trial, on_message=lambda _: None)
        try:
            await connection.open()
        except MqttError as error:
            _LOG.warning("the broker does not take the new certificate: %s", error)
            return False
        finally:
            await connection.close()
        return True

    def _certificate(self) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(self.files.device_pem.read_bytes())
        except ValueError as error:
            raise DamagedIdentity(f"{self.files.device_pem}: {error}") from error

    def _next_key(self) -> ec.EllipticCurvePrivateKey:
        """The key that is being certified; made once, kept until it is used."""
        path = self._next_key_file
        if not path.exists():
            replace_private(path, key_pem(new_key()))
        return load_key(path.read_bytes())

    def _with_next_key(self, certificates_pem: bytes) -> bytes | None:
        if not self._next_key_file.exists():
            return None
        key = self._next_key_file.read_bytes()
        pem = key + certified(certificates_pem, load_key(key))
        replace_private(self._next_pem, pem)
        return pem

    def _swap(self) -> None:
        replace_private(self.files.device_pem, self._next_pem.read_bytes())
        for used in (self._next_pem, self._next_key_file):
            with contextlib.suppress(FileNotFoundError):
                used.unlink()

    def _renew_over_https(self, identity: Identity) -> None:
        old_pem = self.files.device_pem.read_bytes()
        old_key, key = load_key(old_pem), self._next_key()
        csr = signing_request(key)
        proof = old_key.sign(renewal_proof_bytes(csr), ec.ECDSA(hashes.SHA256()))
        old = x509.load_pem_x509_certificate(old_pem)
        request = RenewRequest(_pem(old), csr, proof)
        desk = Desk(identity.desk_host, identity.desk_port)
        reply = desk.ask(self.files.tls.ca.read_bytes(), RENEW_PATH, request, RenewReply)
        self._with_next_key(reply.certificates_pem)
        self._swap()
        _LOG.info("the expired certificate was renewed")

    @property
    def _next_key_file(self) -> Path:
        return self.files.folder / "next.key"

    @property
    def _next_pem(self) -> Path:
        return self.files.folder / "next.pem"


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
