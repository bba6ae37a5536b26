"""What can be wrong with a signal, by what the caller does next."""

from __future__ import annotations


class SignalError(ValueError):
    """Base of every error that this package raises on purpose."""


class InvalidInput(SignalError):
    """The call is wrong (shape, rate, type): mend the caller or the file, no new reading helps."""


class UnusableSignal(SignalError):
    """The recording holds too little to answer (too short, not finite): take the reading again."""


class CorruptData(SignalError):
    """Packed bytes are damaged or not ours: use the other blocks, or fetch the bytes again."""
