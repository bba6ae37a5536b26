"""The hub's enrolment desk as the box sees it: HTTPS, believed only by the authority's fingerprint."""

import hmac
import ssl
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from typing import TypeVar

import msgspec
from msgspec import Struct

from koffert_agent.enrolment.failures import REFUSALS, EnrolmentError, Failure
from koffert_wire.enrolment import AUTHORITY_PATH, AuthorityReply, Refused
from koffert_wire.errors import DECODE_ERRORS

# A satellite link takes its time for the handshake; a person stands beside the box.
TIMEOUT_S = 20.0
# An answer holds two certificates: 3 kB. More is not ours.
_MAX_ANSWER_BYTES = 64 * 1024

_T = TypeVar("_T")


class Authority(Struct, frozen=True):
    """The root that fits the fingerprint, and what the hub says the time is."""

    certificate_pem: bytes
    now_ms: int


class Desk(Struct, frozen=True):
    """Where the hub gives out identities. All methods raise EnrolmentError."""

    host: str
    port: int

    def fetch_authority(self, fingerprint: bytes) -> Authority:
        """The hub's root certificate, checked by its fingerprint."""
        # Nothing is believed of this connection: what it brings is public and proven by its hash.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        reply = _decode(self._exchange(context, "GET", AUTHORITY_PATH), AuthorityReply)
        if not hmac.compare_digest(sha256(reply.certificate).digest(), fingerprint):
            detail = f"{self.host}:{self.port} shows another authority than the code names"
            raise EnrolmentError(Failure.WRONG_AUTHORITY, detail)
        return Authority(ssl.DER_cert_to_PEM_cert(reply.certificate).encode(), reply.now_ms)

    def ask(self, ca_pem: bytes, path: str, request: Struct, reply: type[_T]) -> _T:
        """The answer of a hub that descends from `ca_pem`."""
        context = ssl.create_default_context(cadata=ca_pem.decode())
        answer = self._exchange(context, "POST", path, msgspec.json.encode(request))
        return _decode(answer, reply)

    def _exchange(
        self, context: ssl.SSLContext, method: str, path: str, body: bytes | None = None
    ) -> bytes:
        connection = HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=context)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read(_MAX_ANSWER_BYTES)
        except ssl.SSLCertVerificationError as error:
            detail = f"{self.host}:{self.port} does not prove to be the hub: {error.verify_message}"
            raise EnrolmentError(Failure.WRONG_AUTHORITY, detail) from error
        except (OSError, HTTPException) as error:
            detail = f"{self.host}:{self.port}: {error}"
            raise EnrolmentError(Failure.NO_NETWORK, detail) from error
        finally:
            connection.close()
        if answer.status == HTTPStatus.OK:
            return content
        refusal = _decode(content, Refused).refused
        raise EnrolmentError(REFUSALS[refusal], f"the hub answers: {refusal.value}")


def _decode(content: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(content, type=kind)
    except DECODE_ERRORS as error:
        raise EnrolmentError(
            Failure.NOT_UNDERSTOOD, f"the answer is not a hub's: {error}"
        ) from error
