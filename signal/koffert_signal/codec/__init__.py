"""Lossless packing of integer signals: ECG, PPG, flow."""

from koffert_signal.codec.container import (
    Head,
    Unpacked,
    pack,
    read_head,
    unpack,
    unpack_block,
)

__all__ = ["Head", "Unpacked", "pack", "read_head", "unpack", "unpack_block"]
