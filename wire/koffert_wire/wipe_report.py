"""What a box says of its own wiping; the hub accepts it as proof before the next loan."""

from hashlib import sha256

import msgspec
from msgspec import Struct

from koffert_wire import sealing
from koffert_wire.errors import DECODE_ERRORS, Reason, UnreadablePayload
from koffert_wire.topics import Lane

_MAC_DOMAIN = b"koffert-v1-wipe"
_ENCODER = msgspec.json.Encoder(order="deterministic")


class WipeReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was removed and what a search for it has found afterwards.

    `loans` are digests of the loans that had left something; `discarded` counts rows that the hub never
    had, `untaken_stills` files with ECGs that never became rows. `free_bytes` of the disk's
    free space were overwritten as well. `markers` is how many byte strings of the old content were looked for in `searched_bytes`.
    """

    device: str
    wiped_at_ms: int
    loans: tuple[str, ...]
    discarded: dict[Lane, int]
    unreadable: int
    removed_files: int
    removed_bytes: int
    markers: int
    searched_bytes: int
    found: tuple[str, ...]
    untaken_stills: int = 0
    free_bytes: int = 0


class SignedWipe(Struct, frozen=True):
    """A report and its MAC under the link key."""

    report: WipeReport
    mac: bytes


def loan_digest(loan: str) -> str:
    """How a report names a loan: whoever finds the report learns nothing from it."""
    return sha256(b"koffert-v1-wiped-loan" + loan.encode()).hexdigest()


def sign_wipe(report: WipeReport, link_key: bytes) -> SignedWipe:
    """The report as proof."""
    return SignedWipe(report, sealing.mac(link_key, _MAC_DOMAIN, _ENCODER.encode(report)))


def check_wipe(signed: SignedWipe, link_key: bytes) -> None:
    """Raise UntrustedPayload unless the box with this link key made the report."""
    sealing.check_mac(link_key, _MAC_DOMAIN, _ENCODER.encode(signed.report), signed.mac)


def decode_wipe(data: bytes) -> SignedWipe:
    """A report as printed; raises UnreadablePayload."""
    try:
        return msgspec.json.decode(data, type=SignedWipe)
    except DECODE_ERRORS as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
