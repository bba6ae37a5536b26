"""Notices that the machine's network has changed, so that the uplink need not wait its back-off out."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from koffert_agent.supervisor import Pulse

# rtnetlink(7): links, addresses and routes of both families, as multicast groups.
_RTMGRP_LINK = 0x1
_RTMGRP_IPV4_IFADDR = 0x10
_RTMGRP_IPV4_ROUTE = 0x40
_RTMGRP_IPV6_IFADDR = 0x100
_RTMGRP_IPV6_ROUTE = 0x400
_GROUPS = (
    _RTMGRP_LINK
    | _RTMGRP_IPV4_IFADDR
    | _RTMGRP_IPV4_ROUTE
    | _RTMGRP_IPV6_IFADDR
    | _RTMGRP_IPV6_ROUTE
)
# A modem that comes up changes a dozen things at once, and the last of them is what is needed.
SETTLE_S = 1.0
_MESSAGE_BYTES = 65_536


def open_link() -> socket.socket:
    """The kernel's news about the network; needs no rights."""
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    link.settimeout(0)
    link.bind((0, _GROUPS))
    return link


async def watch(link: socket.socket, changed: Callable[[], None], pulse: Pulse) -> None:
    """Call `changed` once after each burst of news on `link`, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        pulse.rest()
        await loop.sock_recv(link, _MESSAGE_BYTES)
        await asyncio.sleep(SETTLE_S)
        with contextlib.suppress(BlockingIOError):
            while link.recv(_MESSAGE_BYTES):
                pulse.beat()
        changed()
