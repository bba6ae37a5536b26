"""Fetch Debian packages into a folder of our own: no root, nothing installed, nothing started.

apt is asked with private state directories, so the system's own lists and locks stay untouched while
its sources, keyrings and the list of what is installed are used as they are.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SYSTEM_LISTS = Path("/var/lib/apt/lists")


class AptError(Exception):
    """apt-get or dpkg failed; the message says which call, and its last lines."""


@dataclass(frozen=True)
class PrivateApt:
    """apt with its changing directories under `cache`."""

    cache: Path

    def fetch(self, names: tuple[str, ...], root: Path) -> list[str]:
        """Unpack `names`, and what they need that the system lacks, under `root`; return what came."""
        self._prepare()
        self._run("apt-get", *self._options(), "update")
        wanted = self._missing(names)
        archives = self.cache / "archives"
        self._run("apt-get", *self._options(), "download", *wanted, cwd=archives)
        root.mkdir(parents=True, exist_ok=True)
        for archive in sorted(archives.glob("*.deb")):
            self._run("dpkg", "-x", str(archive), str(root))
        return wanted

    def _prepare(self) -> None:
        for folder in ("lists/partial", "archives/partial"):
            (self.cache / folder).mkdir(parents=True, exist_ok=True)
        for stale in (self.cache / "archives").glob("*.deb"):
            stale.unlink()

    def _missing(self, names: tuple[str, ...]) -> list[str]:
        """Ask apt what an installation would bring: lines `Inst <name> (<version> …`.

        A package that the system already has is not in that list, so a named one is added back:
        only its files under `root` are looked at.
        """
        plan = self._run(
            "apt-get", *self._options(), "install", "--simulate", "--no-install-recommends", *names
        )
        brought = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
        return sorted({*brought, *names})

    def _options(self) -> list[str]:
        settings = {
            "Dir::State::lists": self.cache / "lists",
            "Dir::Cache": self.cache,
            "Dir::Cache::archives": self.cache / "archives",
            "Debug::NoLocking": 1,
            # As root apt would drop to its own user, who may not write below a private checkout.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": 3,
        }
        return [
            "-qq",
            *(part for key, value in settings.items() for part in ("-o", f"{key}={value}")),
        ]

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        return run_quietly(command, cwd=cwd)


def install_on_system(names: tuple[str, ...], prefix: tuple[str, ...]) -> None:
    """Install packages on the machine itself; `prefix` is empty for root, else sudo."""
    if not any(SYSTEM_LISTS.glob("*_Packages*")):
        run_quietly((*prefix, "apt-get", "-qq", "update"))
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y")
    run_quietly((*prefix, *quiet, "install", "--no-install-recommends", *names))


def run_quietly(command: tuple[str, ...], cwd: Path | None = None) -> str:
    """Run a command; its output is returned, or the end of it told when it fails."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as missing:
        raise AptError(
            f"{command[0]} is not on this machine; Debian 12 or a relative is needed"
        ) from missing
    if done.returncode != 0:
        tail = " / ".join(done.stderr.strip().splitlines()[-3:])
        raise AptError(f"{' '.join(command[:1])} failed: {tail or 'no message'}")
    return done.stdout
