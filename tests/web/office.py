"""A centre with suitcases that are ready, behind the web app: what the loans' tests begin with."""

import re
from datetime import UTC, datetime

import httpx

from koffert_hub import registry
from koffert_hub.provisioning.tokens import announce
from koffert_hub.registry import Role
from koffert_wire.sealing import LINK_KEY_BYTES
from tests.web.hub import CENTRE, Hub, client

LINK_KEY = bytes(LINK_KEY_BYTES)
BOX = "koffert-0001"


class Office:
    """A nurse at the office's pages; `url` is where the browser is after its last form."""

    def __init__(self, hub: Hub, *boxes: str, role: Role = Role.NURSE) -> None:
        self.hub = hub
        now_ms = hub.now_ms()
        with hub.engine.begin() as connection:
            self.centre = registry.create_centre(connection, CENTRE, now_ms=now_ms)
            for box in boxes or (BOX,):
                now = datetime.now(UTC)
                announce(connection, box, centre=self.centre, label="", now=now)
                registry.create_device(connection, box, LINK_KEY, centre=self.centre, now_ms=now_ms)
        self.visitor: httpx.Client = client(hub, role)
        found = re.search(r'name="csrf" value="(\w+)"', self.visitor.get("/account").text)
        assert found
        self.csrf = found[1]
        self.url = ""

    def post(self, path: str, **data: str | list[str]) -> httpx.Response:
        """Send a form of ours."""
        answer = self.visitor.post(path, data={"csrf": self.csrf, **data})
        self.url = answer.headers.get("location", "")
        return answer

    def register(self, name: str = "Testpasient 1", **more: str) -> str:
        """Register a patient; returns the key."""
        self.post("/patients", display_name=name, **more)
        found = re.fullmatch(r"/patients/(p-\w+)/loan", self.url)
        assert found, self.url
        return found[1]

    def lend(self, patient: str, box: str = BOX, **more: str) -> str:
        """Lend a box; returns the problem, empty when there is none."""
        self.post(f"/patients/{patient}/loan", device=box, days="14", **more)
        return self.url.partition("problem=")[2]

    def page(self, path: str) -> str:
        """A page's text; fails unless it is shown."""
        answer = self.visitor.get(path)
        assert answer.status_code == 200, path
        return answer.text
