"""A centre and its boxes made through the command line alone, on real processes and loopback."""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from koffert_cli.demonstration.children import Child, koffert
from tests.support.mosquitto import Mosquitto, free_port

RULES = Path(__file__).resolve().parents[2] / "config" / "rules" / "copd-follow-up.toml"
PASSPHRASE = "correct horse battery"
STARTS_WITHIN_S = 90.0
_LOOK_INTERVAL_S = 0.1


class Outcome(NamedTuple):
    """How a command ended. `printed` and `error` are its JSON, each the last line of it."""

    exit_code: int
    printed: Any
    error: Any


def run_koffert(*arguments: str, stdin: str = "") -> Outcome:
    """Run `koffert …` as a person's script would."""
    done = subprocess.run(
        koffert(*arguments), input=stdin, capture_output=True, text=True, check=False, timeout=100
    )
    return Outcome(done.returncode, _last_json(done.stdout), _last_json(done.stderr))


class CliSite:
    """One centre. `init`, then `running`; boxes are folders with an agent.toml.

    `address` is what boxes call it; it listens on loopback whatever that is. `device_port` is told to them where it is
    not the broker's own. `more` ends the settings file, and begins in its table `[alerts]`.
    """

    def __init__(
        self,
        folder: Path,
        address: str = "127.0.0.1",
        *,
        device_port: int | None = None,
        more: str = "",
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.config = folder / "hub.toml"
        shutil.copyfile(RULES, folder / RULES.name)
        self.hub_port, self.enrolment_port, self.broker_port = (free_port() for _ in range(3))
        self.device_port = device_port or self.broker_port
        self.web_port = free_port()
        self.config.write_text(
            f"""data_dir = "hub"
centre = "Dalane DMS"

[broker]
port = {self.hub_port}
ca = "hub/pki/root.crt"
certificate = "hub/pki/hub.crt"
key = "hub/pki/hub.key"

[provisioning]
address = "{address}"
port = {self.enrolment_port}
device_port = {self.device_port}

[web]
port = {self.web_port}
https = false

[alerts]
rules = "{RULES.name}"
{more}"""
        )

    def hub(self, *arguments: str, stdin: str = "", as_json: bool = True) -> Outcome:
        """`koffert hub|device …` on this centre."""
        json_option = ("--json",) if as_json else ()
        return run_koffert(*arguments, "--config", str(self.config), *json_option, stdin=stdin)

    def init(self) -> Outcome:
        """Hold the key ceremony, and have the alert rules signed."""
        passphrase = self.folder / "passphrase"
        passphrase.write_text(f"{PASSPHRASE}\n")
        made = self.hub("hub", "init", "--root-passphrase-file", str(passphrase))
        signed = self.hub("alert", "rules", "sign", "--doctor", "Testlege 1")
        assert signed.exit_code == 0, signed.error
        return made

    def code(self, device: str, *more: str) -> str:
        """A code for a box."""
        added = self.hub("device", "add", device, *more)
        assert added.exit_code == 0, added.error
        code: str = added.printed["code"]
        return code

    def box(self, name: str, sensor_port: str | None = None) -> "CliBox":
        """An empty box."""
        return CliBox(self.folder / "boxes" / name, sensor_port)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Broker and hub, as init configured them."""
        conf = (self.folder / "hub" / "broker" / "broker.conf").read_text()
        conf = conf.removeprefix("user root\n").replace(
            str(self.device_port), str(self.broker_port)
        )
        broker = Mosquitto(self.folder, conf, self.broker_port)
        hub = Child("hub", koffert("hub", "run", "--config", str(self.config)), self.hub_log)
        broker.start()
        try:
            await hub.start()
            await hub.wait_for_port(self.enrolment_port, STARTS_WITHIN_S)
            yield
        finally:
            await hub.stop()
            broker.kill()

    @property
    def hub_log(self) -> Path:
        """What the hub has said."""
        return self.folder / "hub.log"

    async def stored(self, at_least: int, within_s: float = 40.0) -> int:
        """Wait until the hub has stored so many transmissions; returns how many."""
        deadline_s = time.monotonic() + within_s
        while True:
            status = await asyncio.to_thread(self.hub, "hub", "status")
            if status.printed["transmissions"] >= at_least:
                count: int = status.printed["transmissions"]
                return count
            assert time.monotonic() < deadline_s, status

    async def followed(self, device: str, within_s: float = 40.0) -> None:
        """Wait until the box has confirmed what it should be."""
        deadline_s = time.monotonic() + within_s
        while True:
            shown = await asyncio.to_thread(self.hub, "device", "show", device)
            if shown.printed["state_followed"]:
                return
            assert time.monotonic() < deadline_s, shown

    def lend(self, device: str, name: str) -> dict[str, Any]:
        """Lend to a new patient; returns the box as shown."""
        lent = self.hub("device", "lend", device, "--new-patient", stdin=f"{name}\n")
        assert lent.exit_code == 0, lent.error
        shown: dict[str, Any] = lent.printed
        return shown


class CliBox:
    """One box."""

    def __init__(self, folder: Path, sensor_port: str | None) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.config = folder / "agent.toml"
        self.data = folder / "data"
        sensors = (
            f'[[sensors]]\ndriver = "contec-v7"\nport = "{sensor_port}"\n' if sensor_port else ""
        )
        self.config.write_text(f'data_dir = "data"\n{sensors}')
        self._acknowledged = folder / "acknowledged.txt"
        arguments = ("--config", str(self.config), "--acknowledgements", str(self._acknowledged))
        self.agent = Child("box", koffert("agent", "run", *arguments), folder / "agent.log")

    def run(self, *arguments: str) -> Outcome:
        """`koffert agent …` on this box."""
        return run_koffert("agent", *arguments, "--config", str(self.config), "--json")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The agent."""
        await self.agent.start()
        try:
            yield
        finally:
            await self.agent.stop()

    async def measures(self, more: int = 3, within_s: float = 40.0) -> None:
        """Wait until some more readings are safe in the outbox."""
        goal, deadline_s = self.acknowledged + more, time.monotonic() + within_s
        while self.acknowledged < goal:
            assert time.monotonic() < deadline_s, (self.folder / "agent.log").read_text()[-2000:]
            await asyncio.sleep(_LOOK_INTERVAL_S)

    async def delivered(self, within_s: float = 40.0) -> None:
        """Wait until the box itself shows nothing queued, as the how-to says before a wipe."""
        deadline_s = time.monotonic() + within_s
        while True:
            status = await asyncio.to_thread(self.run, "status")
            if not any(lane["queued"] for lane in status.printed["queue"].values()):
                return
            assert time.monotonic() < deadline_s, status

    async def says(self, words: str, times: int, within_s: float = 40.0) -> None:
        """Wait until the agent's log has said this so often."""
        deadline_s = time.monotonic() + within_s
        while self.said(words) < times:
            assert time.monotonic() < deadline_s, (self.folder / "agent.log").read_text()[-2000:]
            await asyncio.sleep(_LOOK_INTERVAL_S)

    def said(self, words: str) -> int:
        """How often the agent's log has said this."""
        return (self.folder / "agent.log").read_text().count(words)

    @property
    def acknowledged(self) -> int:
        """How many readings the sensor layer knows to be safe."""
        if not self._acknowledged.exists():
            return 0
        return self._acknowledged.read_bytes().count(b"\n")


def _last_json(text: str) -> Any:
    lines = [line for line in text.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else text or None
