"""The office that gives boxes their identity: requests in, answers out, no HTTP."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from msgspec import Struct

from koffert_hub.authority import Authority, RequestError, requested_key
from koffert_hub.provisioning import crl
from koffert_hub.provisioning.pki import Pki
from koffert_hub.provisioning.renewal import renew_expired
from koffert_hub.provisioning.tokens import Redeemed, redeem
from koffert_hub.settings import ProvisioningSettings
from koffert_hub.times import to_ms
from koffert_wire import sealing
from koffert_wire.enrolment import (
    LINK_KEY_INFO,
    AuthorityReply,
    EnrolReply,
    EnrolRequest,
    Refusal,
    Refused,
    RenewReply,
    RenewRequest,
    proof_bytes,
    renewal_proof_bytes,
)


class Office(Struct, frozen=True):
    """Everything that a decision needs; `sealing_key` is the hub's public one, raw."""

    engine: sa.Engine
    pki: Pki
    authority: Authority
    sealing_key: bytes
    provisioning: ProvisioningSettings
    broker_pid_file: Path
    now: Callable[[], datetime]

    def show_authority(self) -> AuthorityReply:
        """The root's certificate, which a box compares with its code, and our clock."""
        root = x509.load_pem_x509_certificate(self.pki.root_pem())
        return AuthorityReply(root.public_bytes(serialization.Encoding.DER), to_ms(self.now()))

    def enrol(self, request: EnrolRequest) -> EnrolReply | Refused:
        """Redeem the token of a box that has proved to hold its key."""
        try:
            key = requested_key(request.csr)
            exchange_key = X25519PublicKey.from_public_bytes(request.exchange_key)
            check_proof(
                key, request.proof, proof_bytes(request.token, request.csr, request.exchange_key)
            )
        except (RequestError, ValueError):
            return Refused(Refusal.BAD_REQUEST)
        now = self.now()
        with self.engine.begin() as connection:
            outcome = redeem(connection, self.authority, request.token, key, now)
        if isinstance(outcome, Refusal):
            return Refused(outcome)
        if outcome.superseded:
            crl.publish(self.engine, self.pki, now)
            crl.tell_broker(self.broker_pid_file)
        return self._reply(outcome, exchange_key)

    def renew(self, request: RenewRequest) -> RenewReply | Refused:
        """A new certificate for a box whose old one has ended, on the old key's word."""
        try:
            old = x509.load_pem_x509_certificate(request.certificate_pem)
            old_key = old.public_key()
            key = requested_key(request.csr)
            if not isinstance(old_key, ec.EllipticCurvePublicKey):
                return Refused(Refusal.BAD_REQUEST)
            check_proof(old_key, request.proof, renewal_proof_bytes(request.csr))
        except (RequestError, ValueError):
            return Refused(Refusal.BAD_REQUEST)
        if not self.authority.has_signed(old):
            return Refused(Refusal.BAD_REQUEST)
        with self.engine.begin() as connection:
            outcome = renew_expired(connection, self.authority, old, key, self.now())
        return Refused(outcome) if isinstance(outcome, Refusal) else RenewReply(outcome)

    def _reply(self, redeemed: Redeemed, exchange_key: X25519PublicKey) -> EnrolReply:
        return EnrolReply(
            device=redeemed.device,
            certificates_pem=redeemed.certificates_pem,
            sealed_link_key=sealing.seal(redeemed.link_key, exchange_key, info=LINK_KEY_INFO),
            sealing_key=self.sealing_key,
            broker_host=self.provisioning.address,
            broker_port=self.provisioning.device_port,
        )


def check_proof(key: ec.EllipticCurvePublicKey, proof: bytes, signed: bytes) -> None:
    """Raise RequestError unless the holder of `key` signed this."""
    try:
        key.verify(proof, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise RequestError("the proof does not fit") from error
