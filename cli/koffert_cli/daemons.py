"""Find the daemons that a demonstration or a test starts: the system's own, else those set-up unpacked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from koffert_cli.output import EXIT_FAILED, UserError

# Where `make setup` unpacks Debian packages, in a clone with an editable install.
UNPACKED_ROOT = Path(__file__).resolve().parents[2] / ".cache" / "debian" / "root"

# Daemons live outside the PATH of an ordinary user.
DAEMON_FOLDERS = ("usr/sbin", "usr/bin")


class DaemonMissingError(UserError):
    """Neither the system nor the unpacked packages have this daemon."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not on this machine",
            probable_cause="the set-up has not run here, or it could not reach Debian's packages",
            next_step="make setup",
            exit_code=EXIT_FAILED,
        )
        self.name = name


@dataclass(frozen=True)
class Daemon:
    """A binary that can be started, and what must be added to its environment."""

    path: Path
    extra_environment: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """Return this process's environment with what the daemon needs on top."""
        return {**os.environ, **self.extra_environment}


def find_daemon(name: str, *, system: Path = Path("/"), unpacked: Path = UNPACKED_ROOT) -> Daemon:
    """Return the system's daemon `name`, else the unpacked one; raise DaemonMissingError."""
    on_path = shutil.which(name, path=_search_path(system, os.environ.get("PATH", "")))
    if on_path:
        return Daemon(Path(on_path), {})
    brought = shutil.which(name, path=_search_path(unpacked))
    if brought:
        return Daemon(Path(brought), {"LD_LIBRARY_PATH": _library_path(unpacked)})
    raise DaemonMissingError(name)


def _search_path(root: Path, first: str = "") -> str:
    return os.pathsep.join(
        filter(None, (first, *(str(root / folder) for folder in DAEMON_FOLDERS)))
    )


def _library_path(root: Path) -> str:
    """Return the library folders below `root`; Debian names them after the machine's architecture."""
    # systemd keeps the library that its tools share in a folder of its own.
    patterns = ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib/*-linux-gnu*/systemd")
    folders = [folder for pattern in patterns for folder in root.glob(pattern)]
    return os.pathsep.join(sorted(map(str, folders)))
