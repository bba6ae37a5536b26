"""Identifiers that both ends make and check."""

import re

# The certificate's common name, the MQTT client id and a topic level at once: no MQTT wildcard,
# no upper case (compared as text), short enough to be read aloud over the telephone.
_DEVICE_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")

UUID_BYTES = 16
_UUID7_RANDOM_BYTES = 10


def is_device_id(text: str) -> bool:
    """Whether `text` may name a device in a certificate and a topic."""
    return _DEVICE_ID.fullmatch(text) is not None


def uuid7(wall_ns: int, random: bytes) -> bytes:
    """The 16 bytes of a UUID version 7 for this time and these 10 random bytes (RFC 9562, 5.7).

    A wall clock before 1970 counts as 1970: the id must exist whatever the clock says.
    """
    if len(random) != _UUID7_RANDOM_BYTES:
        msg = f"uuid7 needs {_UUID7_RANDOM_BYTES} random bytes, got {len(random)}"
        raise ValueError(msg)
    milliseconds = max(wall_ns // 1_000_000, 0) & 0xFFFF_FFFF_FFFF
    version_and_a = 0x7000 | (int.from_bytes(random[:2]) & 0x0FFF)
    variant_and_b = 0x8000_0000_0000_0000 | (int.from_bytes(random[2:]) & 0x3FFF_FFFF_FFFF_FFFF)
    return (milliseconds << 80 | version_and_a << 64 | variant_and_b).to_bytes(UUID_BYTES)
