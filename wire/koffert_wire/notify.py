"""What a process tells systemd (sd_notify(3)): ready, alive, stopping."""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Speaks to the service manager that started this process; says nothing when there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A leading @ names a socket in the abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, state: str) -> None:
        """Send one state, such as `READY=1`; a manager that does not listen is no error of ours."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as link:
            try:
                link.sendto(state.encode(), self._address)
            except OSError:
                return


def watchdog_period_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """How often to say that all is well: half of what systemd allows; None when it does not ask."""
    allowed_us = environment.get("WATCHDOG_USEC", "")
    return int(allowed_us) / 2_000_000 if allowed_us.isdigit() else None
