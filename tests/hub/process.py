"""The hub as a process of its own, on a real broker."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from koffert_hub import registry
from koffert_hub.database import open_database
from koffert_hub.keys import SEALING_PUBLIC_FILE
from koffert_hub.settings import Settings, load_settings
from koffert_hub.setup import initialise, wall_ms
from tests.hub.box import Box
from tests.hub.broker import OnlineBox, TestBroker
from tests.hub.kit import SIGNED


class HubProcess:
    """`koffert hub run` over a data folder; may be killed and started again."""

    def __init__(self, folder: Path, broker: TestBroker, top: str = "") -> None:
        self._folder = folder
        self.config = folder / "hub.toml"
        tls = broker.hub_tls
        self.config.write_text(
            f'data_dir = "data"\ncentre = "Dalane DMS"\n{top}\n'
            f"[broker]\nport = {broker.hub_port}\n"
            f'ca = "{tls.ca}"\ncertificate = "{tls.certificate}"\nkey = "{tls.key}"\n'
        )
        self.settings: Settings = load_settings(self.config)
        self.centre = initialise(self.settings)
        self._broker = broker
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it; it announces itself at the broker when it is ready."""
        self._process = self.spawn("run", *options)

    def spawn(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """A process of `koffert hub` on this hub's settings, which the caller ends."""
        program = "from koffert_cli.main import main; main()"
        with (self._folder / "hub.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", program, "hub", *arguments, "--config", str(self.config)],
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """Kill -9."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def resident_bytes(self) -> int:
        """How much memory it has."""
        assert self._process is not None
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def stop(self, within_s: float = 40) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(within_s)

    def log(self) -> str:
        """What it has written."""
        return (self._folder / "hub.log").read_text()

    def engine(self) -> sa.Engine:
        """The hub's database."""
        return open_database(self.settings.database_url)

    def box(self, device: str) -> OnlineBox:
        """A registered box, lent to a new patient, with this machine's wall time."""
        hub_key = X25519PublicKey.from_public_bytes(
            (self.settings.data_dir / SEALING_PUBLIC_FILE).read_bytes()
        )
        box = Box(device, hub_key)
        box.wall_ns = wall_ms() * 1_000_000
        engine = self.engine()
        with engine.begin() as connection:
            registry.create_device(
                connection, device, box.link_key, centre=self.centre, now_ms=wall_ms()
            )
            patient = registry.create_patient(
                connection, self.centre, "Testpasient 1", now_ms=wall_ms()
            )
            box.loan = registry.start_loan(
                connection, patient, device, rules=SIGNED, now_ms=wall_ms() - 86_400_000
            )
        engine.dispose()
        return OnlineBox(box, self._broker.endpoint(device))
