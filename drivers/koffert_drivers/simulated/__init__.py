"""Simulated devices: they write the real protocol's bytes to a real terminal device."""
