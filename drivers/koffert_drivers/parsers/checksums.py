"""The checksums of the small protocols."""

from functools import reduce
from operator import xor


def sum7(data: bytes) -> int:
    """Contec's: the sum's low seven bits."""
    return sum(data) & 0x7F


def exclusive_or(data: bytes) -> int:
    """Vitalograph's block check character."""
    return reduce(xor, data, 0)


def crc8(data: bytes) -> int:
    """Viatom's: polynomial 0x07, start 0, not reflected."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def crc8_maxim(data: bytes) -> int:
    """Maxim's 1-Wire CRC: polynomial 0x31, start 0, reflected. 0 over data with its CRC."""
    crc = 0
    for byte in data:
        crc = _CRC8_MAXIM[crc ^ byte]
    return crc


def _crc8_row(index: int) -> int:
    for _ in range(8):
        index = index << 1 ^ 0x07 if index & 0x80 else index << 1
    return index & 0xFF


def _crc8_maxim_row(index: int) -> int:
    for _ in range(8):
        index = index >> 1 ^ 0x8C if index & 0x01 else index >> 1
    return index


_CRC8 = bytes(_crc8_row(index) for index in range(256))
_CRC8_MAXIM = bytes(_crc8_maxim_row(index) for index in range(256))
