"""Spirometry sessions of a patient: which bodies of the log hold them, and what they amount to."""
