"""The certificate authority: an offline root, and the certificates of servers, hub and boxes.

ECDSA P-256 everywhere: an mTLS handshake costs the broker 2.1 ms with it, 3 ms with RSA-2048.
Times are the caller's; nothing here reads a clock or a disk.
"""

import ipaddress
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# A box renews its certificate from day 10 on, so two thirds of this are reserve.
DEVICE_LIFETIME = timedelta(days=30)
SERVER_LIFETIME = timedelta(days=397)  # the longest that browsers accept (CA/B Forum ballot SC-31)
ROOT_LIFETIME = timedelta(days=3650)
# A box without a real-time clock may be behind; its own certificate must not be "not yet valid".
BACKDATED = timedelta(days=1)


class Identity(NamedTuple):
    """A certificate and its private key, PEM."""

    certificate_pem: bytes
    key_pem: bytes


class Authority:
    """A certificate authority that can issue; `identity` is what has to be kept."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._certificate = x509.load_pem_x509_certificate(identity.certificate_pem)
        key = serialization.load_pem_private_key(identity.key_pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is not an elliptic-curve key")
        self._key = key

    @classmethod
    def create(cls, common_name: str, now: datetime) -> "Authority":
        """A new self-signed root that may sign end certificates only."""
        key = _new_key()
        builder = _builder(common_name, _name(common_name), key.public_key(), now, ROOT_LIFETIME)
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
        certificate = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        return cls(_identity(certificate, key))

    def issue_server(self, hosts: tuple[str, ...], now: datetime) -> Identity:
        """A server certificate for these host names and addresses."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return self._issue(
            hosts[0], now, SERVER_LIFETIME, ExtendedKeyUsageOID.SERVER_AUTH, names=names
        )

    def issue_client(
        self, common_name: str, now: datetime, lifetime: timedelta = DEVICE_LIFETIME
    ) -> Identity:
        """A client certificate; the broker takes its common name for the MQTT user."""
        return self._issue(common_name, now, lifetime, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(
        self,
        common_name: str,
        now: datetime,
        lifetime: timedelta,
        purpose: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None = None,
    ) -> Identity:
        key = _new_key()
        issuer = self._certificate.subject
        builder = _builder(common_name, issuer, key.public_key(), now, lifetime)
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return _identity(builder.sign(self._key, hashes.SHA256()), key)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    common_name: str,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _identity(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Identity:
    return Identity(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
