"""The processes of a demonstration: each named, logged to a file, stopped politely and then not."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from koffert_cli.output import EXIT_FAILED, UserError

# A clean stop of a box takes at most 5 s by its own rule; after this it is ended.
STOP_WITHIN_S = 8.0
READY_POLL_S = 0.05
LOG_LINES_SHOWN = 5


def koffert(*arguments: str) -> list[str]:
    """The command line that runs `koffert …` with this very interpreter and installation."""
    return [sys.executable, "-P", "-m", "koffert_cli", *arguments]


class Child:
    """One process that we started; its own session, so that Ctrl-C reaches only us."""

    def __init__(
        self,
        name: str,
        command: list[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        reads_output: bool = False,
    ) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._environment = dict(os.environ if environment is None else environment)
        self._reads_output = reads_output
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; its stderr (and stdout, unless read) go to the log."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if self._reads_output else log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The process; only between start and stop."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._process

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def stop(self) -> None:
        """Ask it to stop, wait, end it if it hangs; a stopped child is no error."""
        if not self.running:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await self.process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def wait_for_port(self, port: int, within_s: float) -> None:
        """Wait until it listens on loopback `port`; raises UserError with the end of its log."""
        deadline_s = asyncio.get_running_loop().time() + within_s
        while asyncio.get_running_loop().time() < deadline_s:
            if not self.running:
                break
            if listens(port):
                return
            await asyncio.sleep(READY_POLL_S)
        raise self.failure(f"{self.name} did not start")

    def failure(self, message: str) -> UserError:
        """An error for the person at the terminal, with what the process said last."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return UserError(
            message,
            probable_cause=" | ".join(lines[-LOG_LINES_SHOWN:]) or "it wrote nothing",
            next_step="make setup, then try again; if it stays, report it with the lines above",
            exit_code=EXIT_FAILED,
        )


def listens(port: int) -> bool:
    """Whether somebody answers on loopback `port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port(wanted: int = 0) -> int:
    """A loopback port nobody has: `wanted`, or any for 0; raises OSError when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        port: int = probe.getsockname()[1]
        return port
