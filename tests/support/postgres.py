"""A real PostgreSQL on loopback for the length of a test run; it refuses root, so root runs it as `nobody`."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from koffert_cli.daemons import UNPACKED_ROOT
from tests.support.mosquitto import free_port

_BINARIES = "usr/lib/postgresql/15/bin"
_UNPRIVILEGED = "nobody"


def find_binaries() -> Path:
    """The system's PostgreSQL 15, else the one that set-up unpacked."""
    for root in (Path("/"), UNPACKED_ROOT):
        if (root / _BINARIES / "initdb").exists():
            return root / _BINARIES
    pytest.fail("PostgreSQL 15 is not here: make setup")


class Postgres:
    """One server; `new_database` gives an empty database and its URL."""

    def __init__(self, binaries: Path, folder: Path, port: int) -> None:
        self._binaries = binaries
        self._folder = folder
        self._port = port
        self._count = 0

    @property
    def folder(self) -> Path:
        """A folder that the server's user may write."""
        return self._folder

    @property
    def data(self) -> Path:
        """The cluster's files."""
        return self._folder / "data"

    def start(self) -> None:
        """Make the cluster and start it; what a killed process leaves is whole, what a power cut leaves is not tested here."""
        data = str(self.data)
        self._run("initdb", "--auth=trust", "--username=koffert", "--encoding=UTF8", data)
        # As docs/how-to/grow-the-hub.md asks for; without fsync, for a checkpoint after many databases waits minutes for a busy disk.
        options = f"-p {self._port} -h 127.0.0.1 -k {self._folder} -c wal_recycle=off -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)

    def stop(self) -> None:
        """Stop it at once; nothing of it is needed any more."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.data))

    def new_database(self, owner: str = "koffert") -> str:
        """The URL of a new, empty database, for a role that owns it."""
        self._count += 1
        name = f"test{self._count}"
        self.run("createdb", "--owner", owner, name)
        return f"postgresql+psycopg://{owner}@127.0.0.1:{self._port}/{name}"

    def new_role(self) -> str:
        """The name of a new role that may do nothing but log in."""
        self._count += 1
        name = f"role{self._count}"
        self.run("createuser", name)
        return name

    def run(self, program: str, *arguments: str) -> None:
        """Run a client of the server as its administrator."""
        where = ("-h", "127.0.0.1", "-p", str(self._port), "-U", "koffert")
        self._run(program, *where, *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        as_user = {"user": _UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            cwd=self._folder,
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], **_libraries(self._binaries)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            **as_user,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server in a folder of its own, which its user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="koffert-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _UNPRIVILEGED)
    server = Postgres(find_binaries(), folder, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _libraries(binaries: Path) -> dict[str, str]:
    if not binaries.is_relative_to(UNPACKED_ROOT):
        return {}
    folders = sorted(UNPACKED_ROOT.glob("usr/lib/*-linux-gnu*"))
    return {"LD_LIBRARY_PATH": os.pathsep.join(map(str, folders))}
