"""A box that asks for an identity, reduced to what the hub sees of it."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import NameOID

from koffert_wire import sealing
from koffert_wire.enrolment import LINK_KEY_INFO, EnrolReply, EnrolRequest, proof_bytes


class NewBox:
    """Its own keys; `common_name` is what it claims to be called."""

    def __init__(self, common_name: str = "whatever-the-box-says") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.exchange_key = X25519PrivateKey.generate()
        self.common_name = common_name

    def csr(self) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.common_name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        signed = request.sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    def request(self, token: str) -> EnrolRequest:
        csr, exchange_key = self.csr(), self.exchange_key.public_key().public_bytes_raw()
        return EnrolRequest(
            token, csr, exchange_key, self.sign(proof_bytes(token, csr, exchange_key))
        )

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    def link_key(self, reply: EnrolReply) -> bytes:
        """The link key in a reply; it opens for this box alone."""
        named = sealing.key_id(self.exchange_key.public_key())
        return sealing.unseal(
            reply.sealed_link_key, named, {named: self.exchange_key}, info=LINK_KEY_INFO
        )


def names(certificates_pem: bytes) -> list[str]:
    """The common names of a chain."""
    chain = x509.load_pem_x509_certificates(certificates_pem)
    return [c.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value.__str__() for c in chain]
