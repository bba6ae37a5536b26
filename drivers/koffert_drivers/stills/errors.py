"""Why a file is no still, by what the importer does next."""

from __future__ import annotations


class StillError(Exception):
    """Base of all; `reason` is a stable word for logs, the message says the rest without personal data."""

    reason = "unreadable"


class DamagedStill(StillError):
    """The bytes contradict themselves: quarantine the file, fetch it from the cart once more."""

    reason = "damaged"


class UnsupportedStill(StillError):
    """The bytes are sound but use a part of the format that is not read: keep the file as a document."""

    reason = "unsupported"


class IncompleteStill(StillError):
    """Other files of the same recording are missing: wait for `missing`, then read again."""

    reason = "incomplete"

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(f"{len(missing)} file(s) of the recording are missing")
        self.missing = missing


class UnknownFormat(StillError):
    """Nothing that is read here begins like this: leave it alone, and say so."""

    reason = "unknown-format"


class TooLarge(StillError):
    """More than any still holds: refuse before reading."""

    reason = "too-large"
