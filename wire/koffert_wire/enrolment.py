"""How a new box and the hub agree on an identity: the code that the engineer shows, and the messages.

    box                                              hub
     │  GET /v1/authority                             │  anyone may read it; the box checks its fingerprint
     │  POST /v1/enrol   EnrolRequest  ──────────────▶│  token redeemed once, certificate and link key made
     │◀──────────────── EnrolReply                    │  the link key sealed to the box's exchange key

The CSR proves that the box holds the key; its subject is ignored. `proof` binds token and exchange key
to the same key, so that nobody can put their own exchange key into another one's request.
"""

import base64
import binascii
import re
import secrets
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from msgspec import Meta, Struct

AUTHORITY_PATH = "/v1/authority"
ENROL_PATH = "/v1/enrol"
RENEW_PATH = "/v1/renew"

# 120 random bits are 24 base32 characters: no padding, readable over the telephone.
TOKEN_BYTES = 15
FINGERPRINT_BYTES = 32
# `info` of the sealed link key: it opens as nothing else.
LINK_KEY_INFO = b"koffert-v1-link-key"

_PROOF_DOMAIN = b"koffert-v1-enrol"
_RENEWAL_DOMAIN = b"koffert-v1-renew"
# Upper case and only these signs: a QR code then needs 5.5 bits a character instead of 8.
_CODE = re.compile(
    r"KOFFERT1/(?P<host>[A-Z0-9.-]{1,253}):(?P<port>\d{1,5})"
    r"/(?P<token>[A-Z2-7]{24})/(?P<fingerprint>[A-Z2-7]{52})"
)
_GROUP = 4

Bytes32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(max_length=128)]
# A P-256 request with its longest name takes 300 bytes.
Request = Annotated[bytes, Meta(max_length=2048)]


class EnrolmentCode(Struct, frozen=True):
    """All that a box needs to find its hub and be believed: where, the token, who the authority is."""

    host: str
    port: int
    token: str
    fingerprint: bytes

    def text(self) -> str:
        """The code as shown and scanned."""
        fingerprint = base64.b32encode(self.fingerprint).decode().rstrip("=")
        return f"KOFFERT1/{self.host.upper()}:{self.port}/{self.token}/{fingerprint}"


class Refusal(StrEnum):
    """Why the hub gives no certificate; the box shows what to do about it."""

    UNKNOWN_TOKEN = "unknown-token"  # noqa: S105 - a reason, not a secret
    EXPIRED_TOKEN = "expired-token"  # noqa: S105
    USED_TOKEN = "used-token"  # noqa: S105
    BAD_REQUEST = "bad-request"
    REVOKED = "revoked"
    EXPIRED_LONG_AGO = "expired-long-ago"


class AuthorityReply(Struct, frozen=True):
    """The root certificate (DER) and the hub's clock; trusted only by the fingerprint of the former."""

    certificate: bytes
    now_ms: int


class EnrolRequest(Struct, frozen=True):
    """The token, a CSR (DER, P-256), an X25519 key for the answer, and the signature over both."""

    token: Annotated[str, Meta(max_length=64)]
    csr: Request
    exchange_key: Bytes32
    proof: Signature


class EnrolReply(Struct, frozen=True):
    """Who the box is now. `certificates_pem`: its own and the issuing authority's."""

    device: str
    certificates_pem: bytes
    sealed_link_key: bytes
    sealing_key: Bytes32
    broker_host: str
    broker_port: int


class RenewRequest(Struct, frozen=True):
    """For a certificate that has expired: the old one, the CSR of a new key, and the old key's word for it."""

    certificate_pem: Annotated[bytes, Meta(max_length=8192)]
    csr: Request
    proof: Signature


class RenewReply(Struct, frozen=True):
    """The new certificate and the issuing authority's."""

    certificates_pem: bytes


class Refused(Struct, frozen=True):
    """The hub's no."""

    refused: Refusal


class CodeError(ValueError):
    """The text is not an enrolment code; the message says what is wrong with it."""


def new_token() -> str:
    """A fresh one-time token."""
    return base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode()


def token_digest(token: str) -> bytes:
    """What the hub keeps of a token."""
    return sha256(_PROOF_DOMAIN + token.encode()).digest()


def parse_code(text: str) -> EnrolmentCode:
    """The code in a scanned or typed text; blanks and case do not matter. Raises CodeError."""
    match = _CODE.fullmatch("".join(text.split()).upper())
    if match is None:
        raise CodeError("this is not a whole enrolment code")
    try:
        fingerprint = base64.b32decode(match["fingerprint"] + "====")
    except binascii.Error as error:
        raise CodeError("the authority's fingerprint in it is mistyped") from error
    port = int(match["port"])
    if not 1 <= port <= 65_535:
        raise CodeError(f"{port} is not a port")
    return EnrolmentCode(match["host"].lower(), port, match["token"], fingerprint)


def in_groups(text: str) -> str:
    """A token or fingerprint in groups of four, for people who read it aloud."""
    return " ".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def proof_bytes(token: str, csr: bytes, exchange_key: bytes) -> bytes:
    """What the CSR's key signs in an EnrolRequest."""
    return b"".join((_PROOF_DOMAIN, token_digest(token), sha256(csr).digest(), exchange_key))


def renewal_proof_bytes(csr: bytes) -> bytes:
    """What the old key signs in a RenewRequest."""
    return _RENEWAL_DOMAIN + sha256(csr).digest()
