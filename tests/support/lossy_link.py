"""A link that really loses packets: a TUN device whose other end is this machine itself.

Every packet into it comes back, late or never, with its two addresses exchanged: who connects to FAR meets
whoever listens on NEAR, through the kernel's own TCP, and the sums in the headers still hold. Needs a network
namespace of its own (`unshare --user --map-root-user --net`), hence no rights.
"""

import asyncio
import fcntl
import os
import struct
import subprocess
from contextlib import suppress
from random import Random
from typing import NamedTuple, Self

from msgspec import Struct

NEAR, FAR = "10.99.0.1", "10.99.0.2"

_DEVICE = "/dev/net/tun"
_SET_INTERFACE = 0x400454CA  # TUNSETIFF
_TUN_WITHOUT_HEADER = 0x1001  # IFF_TUN | IFF_NO_PI
_PACKET_BYTES = 2048
_IPV4 = 4
_SYN = 0x02
_SEQUENCES = 2**32


class Carried(Struct):
    """What one direction has carried, in bytes of whole IP packets, and of what kind they were."""

    packets: int = 0
    bytes: int = 0
    bare_bytes: int = 0  # acknowledgements and the like: packets without content
    repeated_bytes: int = 0  # sent once more by TCP
    content_bytes: int = (
        0  # TLS records that went for the first time, without IP's and TCP's headers
    )


class _Packet(NamedTuple):
    """What a TCP packet's headers say; `end` is the sequence after its content."""

    source: int
    target: int
    sequence: int
    end: int
    opens: bool


class LossyLink:
    """Loses the share `loss` of all packets each way and delays the others; counts what entered it.

    `up` is what went to `port`, `down` what came from there.
    """

    def __init__(self, port: int, loss: float, delay_s: float, seed: int = 1) -> None:
        self.port = port
        self.loss = loss
        self.delay_s = delay_s
        self.lost = 0
        self.up = Carried()
        self.down = Carried()
        self._ends: dict[tuple[int, int], int] = {}
        self._random = Random(seed)  # noqa: S311 - reproducible on purpose
        self._fd = -1

    async def __aenter__(self) -> Self:
        self._fd = _make_device()
        asyncio.get_running_loop().add_reader(self._fd, self._take)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1

    def _take(self) -> None:
        with suppress(BlockingIOError):
            while packet := os.read(self._fd, _PACKET_BYTES):
                if packet[0] >> 4 == _IPV4:
                    self._pass_on(packet)

    def _pass_on(self, packet: bytes) -> None:
        self._count(packet, _read(packet))
        if self._random.random() < self.loss:
            self.lost += 1
            return
        turned = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
        asyncio.get_running_loop().call_later(self.delay_s, self._give, turned)

    def _count(self, raw: bytes, packet: _Packet) -> None:
        carried = self.up if packet.target == self.port else self.down
        carried.packets += 1
        carried.bytes += len(raw)
        if packet.sequence == packet.end:
            carried.bare_bytes += len(raw)
            return
        way = (packet.source, packet.target)
        known = self._ends.get(way)
        if packet.opens or known is None or _follows(packet.end, known):
            self._ends[way] = packet.end
            carried.content_bytes += packet.end - packet.sequence
        else:
            carried.repeated_bytes += len(raw)

    def _give(self, packet: bytes) -> None:
        if self._fd >= 0:
            os.write(self._fd, packet)


def _read(packet: bytes) -> _Packet:
    start = 4 * (packet[0] & 15)
    source, target, sequence = struct.unpack_from("!HHI", packet, start)
    content = start + 4 * (packet[start + 12] >> 4)
    end = (sequence + len(packet) - content) % _SEQUENCES
    return _Packet(source, target, sequence, end, bool(packet[start + 13] & _SYN))


def _follows(sequence: int, other: int) -> bool:
    """Whether it lies after the other, where sequences begin again after 2**32."""
    return 0 < (sequence - other) % _SEQUENCES < _SEQUENCES // 2


def _make_device() -> int:
    descriptor = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _SET_INTERFACE, struct.pack("16sH", b"lossy", _TUN_WITHOUT_HEADER))
    for command in (f"addr add {NEAR}/24 dev lossy", "link set lossy up", "link set lo up"):
        subprocess.run(["ip", *command.split()], check=True)
    return descriptor
