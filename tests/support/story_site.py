"""Everything that the story of a loan needs: centre, emergency centre, SMS gateway, and a suitcase on a satellite link."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from http.server import HTTPServer
from pathlib import Path

from koffert_cli.demonstration.children import Child, koffert
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_drivers.simulated.physiology import Effort, Physiology
from koffert_hub.alerts.civil import StaffingHours
from koffert_hub.authority import Authority, Identity
from koffert_hub.keys import LOG_PUBLIC_FILE, write_private
from koffert_wire.mqtt import TlsFiles
from tests.support.bad_link import BadLink
from tests.support.cli_site import CliBox, CliSite, Outcome, run_koffert
from tests.support.gateway import Gateway, serving
from tests.support.mosquitto import free_port
from tests.support.own_loop import OwnLoop

BOX = "koffert-0001"
UNIT, UNIT_NAME = "sus-heart", "Hjerteovervåkningen, SUS"
PASSWORD = "hemmelig nok til test"
# A geostationary satellite: 600 ms there and back, and little room.
_SATELLITE_KBPS, _SATELLITE_DELAY_S = 64, 0.3
FINGER_OFF = Physiology(finger_on=False)
_STARTS_WITHIN_S = 60.0
# The longest step makes keys, accounts and a register, each by its own command.
_STEP_WITHIN_S = 300.0
_PEOPLE = (
    ("kari", "nurse", "Sykepleier Test"),
    ("lege", "doctor", "Lege Test"),
    ("vakt", "nurse", "Sykepleier Vakt"),
    ("sus", "receiver", "Mottaker Test"),
)


class Suitcase(CliBox):
    """The box with everything in it: clip, flow sensor, screen, camera and the folder of the ECG cart."""

    def __init__(self, folder: Path, meter: SimulatedOximeter, flow: SimulatedOximeter) -> None:
        super().__init__(folder, meter.path)
        self.kiosk_port = free_port()
        with self.config.open("a") as file:
            file.write(
                f'\n[[sensors]]\ndriver = "flow-lines"\nport = "{flow.path}"\n'
                '\n[stills]\nfolder = "stills"\n'
                '\n[video]\ncamera = "test:"\nmicrophone = "test:"\nloudspeaker = ""\n'
            )
        self._parts = tuple(
            Child(name, koffert("agent", name, "--config", str(self.config), *more), log)
            for name, more, log in (
                ("kiosk", ("--port", str(self.kiosk_port)), folder / "kiosk.log"),
                ("video", (), folder / "video.log"),
            )
        )

    async def open(self) -> None:
        """Open the lid."""
        await self.agent.start()
        for part in self._parts:
            await part.start()
        await self._parts[0].wait_for_port(self.kiosk_port, _STARTS_WITHIN_S)

    async def close(self) -> None:
        """Close it."""
        for part in (*self._parts, self.agent):
            await part.stop()

    def leave_still(self, content: bytes) -> None:
        """As the ECG cart does."""
        folder = self.data / "stills"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "still.scp").write_bytes(content)


class StorySite(OwnLoop):
    """Use as a context manager, and drive browsers meanwhile."""

    def __init__(self, folder: Path) -> None:
        super().__init__("story", _STEP_WITHIN_S)
        self._folder = folder
        self._stack = AsyncExitStack()
        self.link = BadLink(rate_kbps=_SATELLITE_KBPS, delay_s=_SATELLITE_DELAY_S)
        self.meter = SimulatedOximeter("contec-v7", FINGER_OFF)
        self.flow = SimulatedOximeter("flow-lines", Physiology(effort=Effort.REST))
        self.amk_port = free_port()
        self.site: CliSite
        self.box: Suitcase

    @property
    def url(self) -> str:
        """Where the nurses look."""
        return f"http://127.0.0.1:{self.site.web_port}"

    @property
    def amk_url(self) -> str:
        """Where the emergency centre looks, on its own machine."""
        return f"http://127.0.0.1:{self.amk_port}"

    def followed(self) -> None:
        """Wait until the box has confirmed what it should be."""
        self.run(self.site.followed(BOX))

    async def _stop(self) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        gateway_port = self._stack.enter_context(serving(HTTPServer(("127.0.0.1", 0), Gateway)))
        Gateway.taken = []
        broker_port, register_port = free_port(), free_port()
        told_port = await self._stack.enter_async_context(self.link.tcp(broker_port))
        self.site = CliSite(
            self._folder, device_port=told_port, more=_alerts(gateway_port, UNIT, UNIT_NAME)
        )
        self.site.broker_port = broker_port
        _done(self.site.init())
        for username, role, name in _PEOPLE:
            unit = ("--unit", UNIT) if role == "receiver" else ()
            person = ("--role", role, "--name", name, "--password", PASSWORD, *unit)
            _done(self.site.hub("hub", "add-user", username, *person, as_json=False))
        amk = self._prepare_register(register_port)
        await self._stack.enter_async_context(self.site.running())
        await self._stack.enter_async_context(_running(amk))
        await amk.wait_for_port(self.amk_port, _STARTS_WITHIN_S)
        await self._stack.enter_async_context(self.meter)
        await self._stack.enter_async_context(self.flow)
        self.box = Suitcase(self._folder / "boxes" / "first", self.meter, self.flow)
        self._stack.push_async_callback(self.box.close)

    def _prepare_register(self, port: int) -> Child:
        """The emergency centre's own machine, and the hub's end of the link to it."""
        authority = Authority.create("register", _now())
        server = self._certificate(
            authority, "register", authority.issue_server(("127.0.0.1",), _now())
        )
        own = self._certificate(authority, "amk", authority.issue_client("amk", _now()))
        config = self._folder / "amk.toml"
        config.write_text(
            f"""data_dir = "amk"

[web]
port = {self.amk_port}
https = false

[[hubs]]
name = "dalane"
host = "127.0.0.1"
port = {port}
ca = "{own.ca}"
certificate = "{own.certificate}"
key = "{own.key}"
log_key = "hub/{LOG_PUBLIC_FILE}"
"""
        )
        made = _done(run_koffert("amk", "init", "--config", str(config), "--json"))
        person = ("--name", "Operatør Test", "--password", PASSWORD)
        _done(run_koffert("amk", "add-user", "operator", *person, "--config", str(config)))
        with self.site.config.open("a") as file:
            file.write(
                f'\n[register]\nport = {port}\nca = "{server.ca}"\ncertificate = "{server.certificate}"\n'
                f'key = "{server.key}"\nreplica_key = "{made.printed["public_key"]}"\n'
            )
        return Child(
            "amk", koffert("amk", "run", "--config", str(config)), self._folder / "amk.log"
        )

    def _certificate(self, authority: Authority, name: str, identity: Identity) -> TlsFiles:
        folder = self._folder / "register"
        folder.mkdir(exist_ok=True)
        files = TlsFiles(folder / "ca.crt", folder / f"{name}.crt", folder / f"{name}.key")
        files.ca.write_bytes(authority.identity.certificate_pem)
        files.certificate.write_bytes(identity.certificate_pem)
        write_private(files.key, identity.key_pem)
        return files


@asynccontextmanager
async def _running(child: Child) -> AsyncIterator[None]:
    await child.start()
    try:
        yield
    finally:
        await child.stop()


def _done(outcome: Outcome) -> Outcome:
    assert outcome.exit_code == 0, outcome.error
    return outcome


def _alerts(gateway_port: int, unit: str, unit_name: str) -> str:
    """The rest of the hub's settings: somebody always watches, and can be reached."""
    days = "\n".join(
        f"{day} = {{ start = 00:00:00, end = 00:00:00 }}" for day in StaffingHours.__struct_fields__
    )
    return f"""telephone = "00 00 00 00"

[alerts.staffing]
{days}

[alerts.sms]
url = "http://127.0.0.1:{gateway_port}/202"

[receiving_units]
{unit} = "{unit_name}"
"""


def _now() -> datetime:
    return datetime.now(UTC)
