"""The agent as the process that ships, with a simulated oximeter on a real port."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from koffert_wire.mqtt import Endpoint
from tests.device_agent.support import HUB_KEY, LINK_KEY

STARTS_WITHIN_S = 40.0


class BoxKeys(NamedTuple):
    """What enrolment leaves on a box beside its certificate."""

    link: bytes
    sealing: bytes


TEST_KEYS = BoxKeys(LINK_KEY, HUB_KEY.public_key().public_bytes_raw())


class AgentProcess:
    """`koffert agent run` in a folder of its own; may be killed and started again.

    `command` makes another command line of the settings' and the acknowledgements' path.
    """

    def __init__(
        self,
        folder: Path,
        endpoint: Endpoint,
        sensor_port: str,
        *,
        command: Callable[[Path, Path], list[str]] | None = None,
        loan: str = "loan-1",
        keys: BoxKeys = TEST_KEYS,
    ) -> None:
        self.folder = folder
        self.settings = folder / "agent.toml"
        self.log = folder / "agent.log"
        self._acknowledgements = folder / "acknowledged.txt"
        (folder / "link.key").write_bytes(keys.link)
        (folder / "sealing.pub").write_bytes(keys.sealing)
        self.settings.write_text(_settings(endpoint, sensor_port, loan))
        self._command = (command or _shipped)(self.settings, self._acknowledgements)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def acknowledged(self) -> list[bytes]:
        """The readings that the sensor layer has been told are safe, in order."""
        return [bytes.fromhex(line.split()[0]) for line in self._acknowledgement_lines()]

    @property
    def measured_ms(self) -> dict[bytes, int]:
        """When each of them was taken, on the real wall clock; known where the test's own agent runs."""
        since_boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        lines = (line.split() for line in self._acknowledgement_lines())
        return {
            bytes.fromhex(line[0]): (int(line[1]) + since_boot_ns) // 1_000_000 for line in lines
        }

    def _acknowledgement_lines(self) -> list[str]:
        if not self._acknowledgements.exists():
            return []
        # A killed agent's last line may be cut; what it did not finish, it did not acknowledge.
        whole, _, _ = self._acknowledgements.read_text().rpartition("\n")
        return whole.splitlines()

    async def start(self, environment: dict[str, str] | None = None) -> None:
        """Start it; it acknowledges into a file that outlives it."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )

    async def kill(self) -> None:
        """Pull the plug."""
        if self._process is not None and self.running:
            self._process.kill()
            await self._process.wait()

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def peak_memory_mb(self) -> float:
        """The most that the process has held (VmHWM)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    async def stop(self) -> int:
        """Ask it to stop; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(120):
            return await self._process.wait()


def _shipped(settings: Path, acknowledgements: Path) -> list[str]:
    options = ["--config", str(settings), "--acknowledgements", str(acknowledgements)]
    return [sys.executable, "-P", "-m", "koffert_cli", "agent", "run", *options]


def _settings(endpoint: Endpoint, sensor_port: str, loan: str) -> str:
    assert endpoint.tls is not None
    return f"""
device = "{endpoint.client_id}"
loan = "{loan}"
data_dir = "data"

[hub]
host = "{endpoint.host}"
port = {endpoint.port}
ca = "{endpoint.tls.ca}"
certificate = "{endpoint.tls.certificate}"
key = "{endpoint.tls.key}"
link_key = "link.key"
sealing_key = "sealing.pub"

[[sensors]]
driver = "contec-v7"
port = "{sensor_port}"
"""
