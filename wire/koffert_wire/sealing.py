"""Sealing to the hub (HPKE, RFC 9180) and authentication of the sender (HMAC, RFC 2104)."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from koffert_wire.errors import Reason, UnreadableBody, UntrustedPayload

MAC_BYTES = 32
LINK_KEY_BYTES = 32
KEY_ID_BYTES = 8

SealingKeys = Mapping[bytes, X25519PrivateKey]


def _suite() -> hpke.Suite:
    return hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


def key_id(public_key: X25519PublicKey) -> bytes:
    """The short name of a sealing key: the first 8 bytes of the hash of its raw form."""
    return sha256(public_key.public_bytes_raw()).digest()[:KEY_ID_BYTES]


def seal(plaintext: bytes, public_key: X25519PublicKey, info: bytes) -> bytes:
    """`plaintext` sealed so that only the hub can read it and only together with `info`."""
    return _suite().encrypt(plaintext, public_key, info=info)


def unseal(sealed: bytes, named: bytes, keys: SealingKeys, info: bytes) -> bytes:
    """What was sealed; UntrustedPayload when the key is not here, UnreadableBody when damaged."""
    private_key = keys.get(named)
    if private_key is None:
        raise UntrustedPayload(Reason.UNKNOWN_KEY, f"no sealing key {named.hex()}")
    try:
        return _suite().decrypt(sealed, private_key, info=info)
    except (InvalidTag, ValueError) as error:
        raise UnreadableBody(Reason.DAMAGED_BODY, "the seal does not open") from error


def mac(link_key: bytes, domain: bytes, message: bytes) -> bytes:
    """HMAC-SHA256; `domain` keeps an up message from ever passing as a down message."""
    return hmac.digest(link_key, domain + message, "sha256")


def check_mac(link_key: bytes, domain: bytes, message: bytes, claimed: bytes) -> None:
    """Raise UntrustedPayload unless `claimed` is the MAC of `message`."""
    if not hmac.compare_digest(mac(link_key, domain, message), claimed):
        raise UntrustedPayload(Reason.WRONG_MAC, "the sender's MAC does not fit")
