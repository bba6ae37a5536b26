"""What can go wrong on the way to an identity, by what a person does about it."""

from enum import StrEnum

from koffert_wire.enrolment import Refusal


class Failure(StrEnum):
    """Why there is no identity (yet)."""

    NO_NETWORK = "no-network"
    WRONG_AUTHORITY = "wrong-authority"
    WRONG_CLOCK = "wrong-clock"
    UNKNOWN_TOKEN = "unknown-token"  # noqa: S105 - a reason, not a secret
    EXPIRED_TOKEN = "expired-token"  # noqa: S105
    USED_TOKEN = "used-token"  # noqa: S105
    REVOKED = "revoked"
    EXPIRED_LONG_AGO = "expired-long-ago"
    NOT_UNDERSTOOD = "not-understood"


# What the hub says, in the box's terms.
REFUSALS: dict[Refusal, Failure] = {
    Refusal.UNKNOWN_TOKEN: Failure.UNKNOWN_TOKEN,
    Refusal.EXPIRED_TOKEN: Failure.EXPIRED_TOKEN,
    Refusal.USED_TOKEN: Failure.USED_TOKEN,
    Refusal.REVOKED: Failure.REVOKED,
    Refusal.EXPIRED_LONG_AGO: Failure.EXPIRED_LONG_AGO,
    Refusal.BAD_REQUEST: Failure.NOT_UNDERSTOOD,
}


class EnrolmentError(Exception):
    """The one error of enrolment; nothing of the old identity has changed."""

    def __init__(self, reason: Failure, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
