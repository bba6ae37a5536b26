"""Build the Debian packages `koffert-agent` and `koffert-hub` into dist/; run as `make deb`.

Each package carries its own Python environment below /usr/lib, made of the pinned and hashed wheels of
requirements/*.txt: nothing is fetched when it is installed. Only wheels are used and nothing of ours is
compiled, so packages for arm64 are built on amd64 as well: `make deb ARCH=arm64`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from debian_packages import AptError, run_quietly

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
PACKAGING = ROOT / "packaging"
SYSTEMD = ROOT / "systemd"
PYTHON = ROOT / ".venv" / "bin" / "python"

# Debian 12's: what is compiled for it runs under no other.
PYTHON_SERIES = "3.11"
# Debian's architecture -> the machine in a wheel's name, and the glibc versions whose wheels Debian 12 runs.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
GLIBC_MINORS = (17, 24, 26, 27, 28, 31, 34, 35, 36)


class DebError(Exception):
    """One line for the person at the terminal."""


@dataclass(frozen=True)
class Package:
    """What goes into one package. `units` are enabled and started, `shipped` lie ready beside them."""

    name: str
    summary: str
    requirements: str
    depends: tuple[str, ...]
    recommends: tuple[str, ...]
    conflicts: str
    units: tuple[str, ...]
    shipped: tuple[str, ...]
    # file below systemd/ -> folder on the machine
    files: tuple[tuple[str, str], ...]
    examples: tuple[str, ...]
    # user and folder of what is kept between runs
    state: tuple[tuple[str, str], ...]
    purged: tuple[str, ...]
    kept: str

    @property
    def prefix(self) -> str:
        """The environment's folder on the machine."""
        return f"/usr/lib/{self.name}"


_PYTHON_DEPENDS = (f"python3 (>= {PYTHON_SERIES})", "python3 (<< 3.12)")
_ALWAYS = (*_PYTHON_DEPENDS, "systemd", "util-linux", "init-system-helpers")

PACKAGES = (
    Package(
        name="koffert-agent",
        summary="the COPD suitcase: meters, outbox, kiosk, video visits",
        requirements="agent",
        depends=(*_ALWAYS, "bluez", "dbus", "udev"),
        recommends=("chrony | systemd-timesyncd", "alsa-utils", "espeak-ng"),
        conflicts="koffert-hub",
        units=("koffert-agent.service", "koffert-agent.path", "koffert-kiosk.service"),
        shipped=(
            "koffert-video.service",
            "koffert-enrol.service",
            "run-enrolment.mount",
            "koffert-kiosk-browser.service",
        ),
        files=(
            ("sysusers.d/koffert-agent.conf", "usr/lib/sysusers.d"),
            ("tmpfiles.d/koffert-agent.conf", "usr/lib/tmpfiles.d"),
            ("udev/70-koffert.rules", "usr/lib/udev/rules.d"),
            ("dbus/koffert-agent.conf", "usr/share/dbus-1/system.d"),
            ("journald.conf.d/koffert.conf", "usr/lib/systemd/journald.conf.d"),
            ("system.conf.d/koffert-watchdog.conf", "usr/lib/systemd/system.conf.d"),
        ),
        examples=("agent.example.toml",),
        state=(("koffert", "/var/lib/koffert"),),
        purged=("/etc/koffert", "/var/lib/koffert"),
        kept="",
    ),
    Package(
        name="koffert-hub",
        summary="the centre of the COPD suitcases: ingest, register, dashboard",
        requirements="hub",
        depends=_ALWAYS,
        recommends=("mosquitto", "nginx"),
        conflicts="koffert-agent",
        units=("koffert-hub.service", "koffert-broker.service", "koffert-amk.service"),
        shipped=("koffert-hub-worker@.service",),
        files=(
            ("sysusers.d/koffert-hub.conf", "usr/lib/sysusers.d"),
            ("tmpfiles.d/koffert-hub.conf", "usr/lib/tmpfiles.d"),
        ),
        examples=("hub.example.toml", "amk.example.toml"),
        state=(
            ("koffert-hub", "/var/lib/koffert-hub"),
            ("koffert-amk", "/var/lib/koffert-amk"),
        ),
        purged=("/etc/koffert",),
        kept="/var/lib/koffert-hub",
    ),
)


def version() -> str:
    """The version of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: str = project["version"]
    return found


def native_architecture() -> str:
    """This machine's, as Debian calls it."""
    return run_quietly(("dpkg", "--print-architecture")).strip()


def build(package: Package, architecture: str, revision: int) -> Path:
    """Build one package; return the file. Raises DebError and AptError."""
    if sys.version_info[:2] != (3, 11):
        raise DebError(f"packages are compiled by Python {PYTHON_SERIES}, Debian 12's")
    staging = DIST / "staging" / package.name
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    make_environment(package, architecture, staging)
    lay_files(package, staging)
    write_control(package, staging, architecture, f"{version()}-{revision}")
    target = DIST / f"{package.name}_{version()}-{revision}_{architecture}.deb"
    epoch = run_quietly(("git", "-C", str(ROOT), "log", "-1", "--format=%ct")).strip()
    run(
        *("dpkg-deb", "--root-owner-group", "-Zzstd", "-z9", "--build", staging, target),
        SOURCE_DATE_EPOCH=epoch,
    )
    shutil.rmtree(staging)
    return target


def make_environment(package: Package, architecture: str, staging: Path) -> None:
    """Lay out a virtual environment as it will lie on the machine, on Debian's own Python."""
    prefix = staging / package.prefix.lstrip("/")
    site = prefix / "lib" / f"python{PYTHON_SERIES}" / "site-packages"
    pip = (*(PYTHON, "-m", "pip", "install"), "--quiet", "--disable-pip-version-check")
    machine = MACHINES[architecture]
    tags = (f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS)
    platforms = [f"--platform={tag}" for tag in (*tags, f"manylinux2014_{machine}")]
    requirements = ROOT / "requirements" / f"{package.requirements}.txt"
    run(
        *(*pip, "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-compile"),
        *(*platforms, f"--python-version={PYTHON_SERIES}", "--implementation=cp"),
        *(f"--target={site}", "-r", requirements),
    )
    run(
        *(*pip, "--no-deps", "--no-index", "--no-build-isolation", "--no-compile"),
        *(f"--target={site}", "--upgrade", ROOT),
    )
    # pip notes where it found our sources: the builder's folder is no business of the box.
    (site / f"koffert-{version()}.dist-info" / "direct_url.json").unlink()
    shutil.rmtree(site / "bin", ignore_errors=True)
    for tests in [*site.glob("numpy/**/tests"), *site.glob("scipy/**/tests")]:
        shutil.rmtree(tests)
    (prefix / "bin").mkdir()
    (prefix / "bin" / "python3").symlink_to(f"/usr/bin/python{PYTHON_SERIES}")
    (prefix / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {PYTHON_SERIES}\n"
    )
    # Compiled here once: the box's root is read-only, and its first start should not take a minute.
    run(
        *(PYTHON, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode=unchecked-hash"),
        *("-s", staging, "-p", "/", site),
    )


def lay_files(package: Package, staging: Path) -> None:
    """Put units, settings, examples and the command where Debian has them."""
    own = PACKAGING / package.name
    for unit in (*package.units, *package.shipped):
        place(SYSTEMD / "system" / unit, staging / "usr/lib/systemd/system")
    for source, folder in package.files:
        name = f"{package.name}.conf" if folder.endswith((".conf.d", "system.d")) else None
        place(SYSTEMD / source, staging / folder, name)
    place(own / "koffert", staging / "usr/bin", mode=0o755)
    documents = staging / "usr/share/doc" / package.name
    place(ROOT / "LICENSE", documents, "copyright")
    for example in package.examples:
        # Not in the documents: small systems leave those out.
        place(ROOT / "config" / example, staging / "usr/share" / package.name)
    for readme in own.glob("README.Debian"):
        place(readme, documents)
    for settings in own.glob("*.toml"):
        place(settings, staging / "etc/koffert")
    shutil.copytree(
        ROOT / "config",
        staging / package.prefix.lstrip("/") / "share/koffert/config",
        ignore=shutil.ignore_patterns("*.example.toml"),
    )


def place(source: Path, folder: Path, name: str | None = None, mode: int = 0o644) -> None:
    """Copy one file into a folder that may not be there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (name or source.name)
    shutil.copyfile(source, target)
    target.chmod(mode)


def write_control(package: Package, staging: Path, architecture: str, full_version: str) -> None:
    """Write all of DEBIAN/, after everything else is in place."""
    files = sorted(path for path in staging.rglob("*") if path.is_file() and not path.is_symlink())
    size_kib = sum(path.stat().st_size for path in files) // 1024
    for folder in [staging, *staging.rglob("*")]:
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o755)
    control = staging / "DEBIAN"
    control.mkdir(mode=0o755)
    fields = {
        "Package": package.name,
        "Version": full_version,
        "Architecture": architecture,
        "Maintainer": "Koffert <koffert@example.org>",
        "Installed-Size": str(size_kib),
        "Depends": ", ".join(package.depends),
        "Recommends": ", ".join(package.recommends),
        "Conflicts": package.conflicts,
        "Section": "misc",
        "Priority": "optional",
        "Description": package.summary,
    }
    (control / "control").write_text("".join(f"{key}: {text}\n" for key, text in fields.items()))
    settings = [
        f"/{path.relative_to(staging)}\n" for path in files if path.is_relative_to(staging / "etc")
    ]
    if settings:
        (control / "conffiles").write_text("".join(settings))
    sums = (
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(staging)}\n"
        for path in files
    )
    (control / "md5sums").write_text("".join(sums))
    for script in ("postinst", "prerm", "postrm"):
        target = control / script
        target.write_text(maintainer_script(package, script))
        target.chmod(0o755)


def maintainer_script(package: Package, name: str) -> str:
    """The script all packages share, with what this one is about in front."""
    stopped = (*package.units, *(unit for unit in package.shipped if "@" not in unit))
    variables = {
        "PACKAGE": package.name,
        "UNITS": " ".join(package.units),
        "STOPPED": " ".join(stopped),
        "STATE": " ".join(f"{user}:{folder}" for user, folder in package.state),
        "PURGED": " ".join(package.purged),
        "KEPT": package.kept,
    }
    head = "".join(f"{key}='{text}'\n" for key, text in variables.items())
    return f"#!/bin/sh\nset -e\n{head}{(PACKAGING / name).read_text()}"


def run(*command: str | Path, **environment: str) -> None:
    """Run a command quietly; on failure show what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        raise DebError(f"`{Path(command[0]).name} {command[1]} …` failed; its output is above")


def main() -> int:
    """Build the chosen packages; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[package.name for package in PACKAGES])
    parser.add_argument("--arch", choices=list(MACHINES))
    parser.add_argument("--revision", type=int, default=1, help="Debian revision of this version")
    options = parser.parse_args()
    try:
        DIST.mkdir(exist_ok=True)
        for package in PACKAGES:
            if options.only in (None, package.name):
                built = build(package, options.arch or native_architecture(), options.revision)
                print(f"{built.relative_to(ROOT)}  {built.stat().st_size / 1e6:.0f} MB")
    except (DebError, AptError, OSError) as problem:
        print(f"\nno package: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
