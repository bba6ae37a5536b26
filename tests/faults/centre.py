"""The centre that boxes under faults send to: a real broker, hub and register, killed and restored."""

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import NamedTuple

from koffert_hub import registry
from koffert_hub.backup import back_up, restore
from koffert_hub.keys import SEALING_PUBLIC_FILE
from koffert_hub.setup import new_epoch, wall_ms
from tests.device_agent.process import BoxKeys
from tests.device_agent.support import eventually
from tests.faults.schedule import Fault, Step
from tests.hub.amk_process import PROGRAM, prepare
from tests.hub.broker import TestBroker
from tests.hub.kit import SIGNED

RULES = Path(__file__).resolve().parents[2] / "config" / "rules" / "copd-follow-up.toml"
# Stands in no log, topic or file but the one table of names.
PATIENT_NAME = "Testpasient"
# Nobody is in a hurry: on a machine with ten times the work that it has processors for, a hub has taken two
# minutes to start.
HEALS_WITHIN_S = 300.0
# Looking costs more than the parts that are looked at, when it is done all the time.
LOOK_EVERY_S = 0.25


class Lent(NamedTuple):
    """What a box and its patient are to the centre."""

    patient: str
    loan: str
    keys: BoxKeys


class Centre:
    """Broker, hub and register of one centre, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.broker = TestBroker(folder)
        self._folder = folder
        self.hub, self._register_config = prepare(folder, self.broker)
        with self.hub.config.open("a") as file:
            file.write(f'[alerts]\nrules = "{RULES}"\n')
        self.replica = folder / "amk" / "dalane.sqlite"
        self.database = self.hub.settings.data_dir / "hub.sqlite"
        self.restores = 0
        self.exits = 0
        self._backups: list[Path] = []
        self._register: subprocess.Popen[bytes] | None = None
        self._faults: dict[Fault, Callable[[], AbstractAsyncContextManager[None]]] = {
            Fault.KILL_BROKER: self._broker_killed,
            Fault.KILL_HUB: self._hub_killed,
            Fault.KILL_REGISTER: self._register_killed,
            Fault.RESTORE_HUB: self._hub_lost,
        }

    def lend(self, device: str, number: int) -> Lent:
        """Register a box, and lend it to a patient of its own."""
        link_key = device.encode().ljust(32, b".")
        engine = self.hub.engine()
        with engine.begin() as connection:
            now_ms, centre = wall_ms(), self.hub.centre
            registry.create_device(connection, device, link_key, centre=centre, now_ms=now_ms)
            name = f"{PATIENT_NAME} {number}"
            patient = registry.create_patient(connection, centre, name, now_ms=now_ms)
            loan = registry.start_loan(
                connection, patient, device, rules=SIGNED, now_ms=now_ms - 86_400_000
            )
        engine.dispose()
        sealing = (self.hub.settings.data_dir / SEALING_PUBLIC_FILE).read_bytes()
        return Lent(patient, loan, BoxKeys(link_key, sealing))

    def start(self) -> None:
        """Start all three."""
        self.broker.mosquitto.start()
        self._start_register()
        self.hub.start()
        self._keep_backup()

    def stop(self) -> None:
        """End all three."""
        self.hub.kill()
        self._kill_register()
        self.broker.mosquitto.kill()

    def position(self) -> int:
        """The hub's last log record."""
        return _position(self.database)

    @property
    def oldest_backup(self) -> Path:
        """The one that was made at the start."""
        return self._backups[0]

    def caught_up(self) -> bool:
        """Whether the register holds all that the hub has, and that is something."""
        return 0 < self.position() == _position(self.replica)

    async def suffer(self, step: Step) -> None:
        """Let one fault come and go, and wait until the hub takes in again."""
        async with self._faults[step.fault]():
            await asyncio.sleep(step.lasts_s)
        before = self.position()

        def takes_in() -> bool:
            self.restart_if_ended()
            return self.position() > before

        await eventually(
            takes_in,
            f"ingest after {step.fault}",
            HEALS_WITHIN_S,
            LOOK_EVERY_S,
        )
        if step.fault is Fault.RESTORE_HUB:
            self._keep_backup()
        await asyncio.sleep(step.calm_s)

    def restart_if_ended(self) -> None:
        """As systemd would; a hub or register that gives up by itself is counted, and must not."""
        if not self.hub.running:
            self.exits += 1
            self.hub.start()
        if self._register is not None and self._register.poll() is not None:
            self.exits += 1
            self._start_register()

    async def lose_everything_since_the_start(self) -> None:
        """Restore the hub from the oldest backup there is."""
        self._backups = self._backups[:1]
        await self.suffer(Step(Fault.RESTORE_HUB, 0.5, 0.0))

    @contextlib.asynccontextmanager
    async def _broker_killed(self) -> AsyncIterator[None]:
        self.broker.mosquitto.kill()
        yield
        self.broker.mosquitto.start()

    @contextlib.asynccontextmanager
    async def _hub_killed(self) -> AsyncIterator[None]:
        self.hub.kill()
        yield
        self.hub.start()

    @contextlib.asynccontextmanager
    async def _register_killed(self) -> AsyncIterator[None]:
        self._kill_register()
        yield
        self._start_register()

    @contextlib.asynccontextmanager
    async def _hub_lost(self) -> AsyncIterator[None]:
        """The hub's disk is gone: a backup comes in its place, its log goes on with the register's records."""
        self.hub.kill()
        yield
        self.restores += 1
        shutil.rmtree(self.hub.settings.data_dir)
        backup, epoch = self._backups[-1], new_epoch()
        restore(self.hub.settings, backup, epoch, replica=self.replica, now_ms=wall_ms())
        self.hub.start()

    def _keep_backup(self) -> None:
        """The first one is kept for the end, else the newest."""
        folder = self._folder / f"backup-{self.restores}"
        back_up(self.hub.settings, folder)
        for old in self._backups[1:]:
            shutil.rmtree(old)
        self._backups = [*self._backups[:1], folder]

    def _start_register(self) -> None:
        with (self._folder / "amk.log").open("ab") as log:
            command = [*PROGRAM, "amk", "run", "--config", self._register_config]
            self._register = subprocess.Popen(command, stdout=log, stderr=log)

    def _kill_register(self) -> None:
        assert self._register is not None
        self._register.kill()
        self._register.wait()


def _position(database: Path) -> int:
    """The last record; 0 before its owner's first start has made the file."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT max(sequence) FROM transmission_log").fetchone()
    except sqlite3.OperationalError:
        return 0
    return int(found[0] or 0)
