"""The first hour of a box: from a code to an identity. Safe to repeat until it has worked."""

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import NameOID

from koffert_agent.enrolment.desk import Desk
from koffert_agent.enrolment.failures import EnrolmentError, Failure
from koffert_agent.enrolment.identity import (
    Identity,
    IdentityFiles,
    Pending,
    key_pem,
    load_exchange_key,
    load_key,
    new_key,
)
from koffert_wire import sealing
from koffert_wire.enrolment import (
    ENROL_PATH,
    LINK_KEY_INFO,
    EnrolmentCode,
    EnrolReply,
    EnrolRequest,
    proof_bytes,
    token_digest,
)
from koffert_wire.errors import WireError

# A certificate is dated back by a day; half of that is left for a clock that goes on being wrong.
CLOCK_TOLERANCE_MS = 12 * 3600 * 1000
# The hub ignores the name in a request; it goes by the token.
_REQUEST_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "koffert")])


def enrol(files: IdentityFiles, code: EnrolmentCode, wall_ms: Callable[[], int]) -> Identity:
    """Become the box that the code announces; raises EnrolmentError or DamagedIdentity.

    A code that this box has used before changes nothing. A lost answer is asked for with the same keys.
    """
    identity = files.read()
    digest = token_digest(code.token)
    if identity is not None and identity.token_digest == digest:
        return identity
    desk = Desk(code.host, code.port)
    authority = desk.fetch_authority(code.fingerprint)
    _check_clock(wall_ms(), authority.now_ms)
    pending = _pending(files, digest)
    key, exchange_key = load_key(pending.key_pem), load_exchange_key(pending.exchange_key)
    request = _request(code.token, key, exchange_key)
    ca_pem = authority.certificate_pem
    reply = desk.ask(ca_pem, ENROL_PATH, request, EnrolReply)
    identity = Identity(
        device=reply.device,
        broker_host=reply.broker_host,
        broker_port=reply.broker_port,
        desk_host=code.host,
        desk_port=code.port,
        token_digest=digest,
    )
    files.write(
        identity,
        ca_pem=ca_pem,
        device_pem=pending.key_pem + certified(reply.certificates_pem, key),
        link=_link_key(reply, exchange_key),
        sealing=reply.sealing_key,
    )
    return identity


def signing_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A CSR (DER) that proves that we hold the key."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_REQUEST_NAME)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def certified(certificates_pem: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The certificates, once it is sure that they are for this key; raises EnrolmentError."""
    try:
        leaf = x509.load_pem_x509_certificate(certificates_pem)
    except ValueError as error:
        raise EnrolmentError(Failure.NOT_UNDERSTOOD, "the certificate cannot be read") from error
    if leaf.public_key() != key.public_key():
        raise EnrolmentError(Failure.NOT_UNDERSTOOD, "the certificate is for another key")
    return certificates_pem


def _check_clock(box_ms: int, hub_ms: int) -> None:
    """A clock that is days off would call every certificate invalid, at the broker too."""
    if abs(box_ms - hub_ms) > CLOCK_TOLERANCE_MS:
        hours = (box_ms - hub_ms) / 3_600_000
        raise EnrolmentError(Failure.WRONG_CLOCK, f"{hours:+.0f} h from the hub's")


def _pending(files: IdentityFiles, digest: bytes) -> Pending:
    """The keys for this token: those of an attempt before, else new ones, kept before they are used."""
    pending = files.pending()
    if pending is None or pending.token_digest != digest:
        exchange_key = X25519PrivateKey.generate().private_bytes_raw()
        pending = Pending(digest, key_pem(new_key()), exchange_key)
        files.write_pending(pending)
    return pending


def _request(
    token: str, key: ec.EllipticCurvePrivateKey, exchange_key: X25519PrivateKey
) -> EnrolRequest:
    csr, public = signing_request(key), exchange_key.public_key().public_bytes_raw()
    proof = key.sign(proof_bytes(token, csr, public), ec.ECDSA(hashes.SHA256()))
    return EnrolRequest(token, csr, public, proof)


def _link_key(reply: EnrolReply, exchange_key: X25519PrivateKey) -> bytes:
    named = sealing.key_id(exchange_key.public_key())
    try:
        return sealing.unseal(
            reply.sealed_link_key, named, {named: exchange_key}, info=LINK_KEY_INFO
        )
    except WireError as error:
        raise EnrolmentError(Failure.NOT_UNDERSTOOD, "the link key does not open") from error
