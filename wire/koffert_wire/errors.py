"""Errors of the wire, typed by what the receiver does next."""

from enum import StrEnum

import msgspec

# What msgspec may raise on bytes from outside; a broken text is a plain UnicodeDecodeError (0.22).
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Reason(StrEnum):
    """Why a payload was refused or quarantined; shown to people and written to the log."""

    OVERSIZE = "oversize"
    MALFORMED = "malformed"
    UNSUPPORTED_VERSION = "unsupported-version"
    WRONG_MAC = "wrong-mac"
    UNKNOWN_KEY = "unknown-key"
    DAMAGED_BODY = "damaged-body"
    FOREIGN_DEVICE = "foreign-device"
    UNKNOWN_LOAN = "unknown-loan"
    REVOKED = "revoked"
    QUARANTINE_FULL = "quarantine-full"


class WireError(Exception):
    """Base of every wire error; carries the reason so that nobody matches on text."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason


class UnreadablePayload(WireError):
    """No trustworthy header could be read: keep the bytes, no receipt can be given."""


class UntrustedPayload(WireError):
    """The sender is not proven or its key is not here yet: answer `retry-later`."""


class UnreadableBody(WireError):
    """The sender is proven but its body cannot be read: quarantine it whole, answer `stored`."""
