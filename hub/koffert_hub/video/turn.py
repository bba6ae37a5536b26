"""Short-lived credentials for our own TURN server (coturn's `use-auth-secret`)."""

import base64
import hmac
from pathlib import Path

from msgspec import Struct

from koffert_wire.call import IceServer

# Long enough for the call's set-up and a reconnection, too short to be of use to a finder. An allocation
# that stands is refreshed under the credentials that it was made with.
CREDENTIAL_LIFE_S = 600


class TurnSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where coturn is as browsers and boxes see it, and the file with the secret that it shares with us."""

    urls: tuple[str, ...]
    secret_file: Path


class TurnCredentials:
    """Makes credentials; without settings there is no relay and only direct paths work."""

    def __init__(self, settings: TurnSettings | None) -> None:
        self._urls = settings.urls if settings else ()
        self._secret = settings.secret_file.read_bytes().strip() if settings else b""

    def servers(self, name: str, now_s: float) -> tuple[IceServer, ...]:
        """The servers for one participant; `name` says nothing of a person, coturn logs it."""
        if not self._urls:
            return ()
        username = f"{int(now_s) + CREDENTIAL_LIFE_S}:{name}"
        digest = hmac.digest(self._secret, username.encode(), "sha1")
        return (IceServer(self._urls, username, base64.b64encode(digest).decode()),)
