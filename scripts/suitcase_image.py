"""Build the box's disk image for QEMU x86-64 into dist/suitcase/; run as `make suitcase-image`.

A Debian 12 with a read-only root and a data partition, and koffert-agent installed. Needs root (debootstrap
and chroot), but neither KVM nor loop devices. Debian's mirror is the one in this machine's own apt sources.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import deb
from debian_packages import AptError, install_on_system, run_quietly

ROOT = deb.ROOT
IMAGE_FILES = ROOT / "packaging" / "image"
CACHE = ROOT / ".cache" / "suitcase"
TARGET = ROOT / "dist" / "suitcase"

SUITE = "bookworm"
# program -> the package that brings it to the machine that builds or boots the image
TOOLS = {
    "debootstrap": "debootstrap",
    "mkfs.ext4": "e2fsprogs",
    "sfdisk": "fdisk",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "qemu-system-x86_64": "qemu-system-x86",
    "zstd": "zstd",
}
# What a box needs beside our package; the last two are its kernel and how it is started.
DEBIAN_PACKAGES = (
    *("systemd-sysv", "systemd-resolved", "dbus", "udev", "kmod", "iproute2", "procps", "zstd"),
    *("bluez", "python3", "chrony", "ca-certificates", "e2fsprogs"),
    *("alsa-utils", "espeak-ng"),
    *("linux-image-amd64", "initramfs-tools"),
)
# What Debian starts and a box has no use for: each costs time at every boot, the timers write to the card besides.
MASKED = (
    # Nobody upgrades a read-only root by itself.
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer"),
    *("e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer"),
    # Nobody logs in or is asked for a password.
    *("getty@tty1.service", "getty-static.service", "serial-getty@ttyS0.service"),
    *("systemd-ask-password-console.path", "systemd-ask-password-wall.path"),
    *("systemd-update-utmp.service", "systemd-update-utmp-runlevel.service"),
    # File systems for looking into the kernel, and programs of other machines.
    *("dev-hugepages.mount", "dev-mqueue.mount", "sys-fs-fuse-connections.mount"),
    *("sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount"),
    *("modprobe@configfs.service", "modprobe@fuse.service", "modprobe@efi_pstore.service"),
    *("proc-sys-fs-binfmt_misc.automount", "systemd-binfmt.service"),
    # Done when the image is made, or meant for machines with other firmware.
    *("systemd-firstboot.service", "systemd-sysusers.service", "systemd-repart.service"),
    *("systemd-machine-id-commit.service", "systemd-pstore.service"),
    *("systemd-pcrphase.service", "systemd-pcrphase-sysinit.service"),
    # The log is never on the disk, nor is what these would remember; the root stays as the kernel has mounted it.
    *("systemd-journal-flush.service", "systemd-random-seed.service", "systemd-remount-fs.service"),
    *("systemd-rfkill.service", "systemd-rfkill.socket", "systemd-network-generator.service"),
)
MIB = 1024 * 1024
# Room for packages that are put in and taken out again where the root is made writable.
ROOT_SPARE_MIB = 700
DATA_MIB = 512
_ALIGNED_MIB = 1


class ImageError(Exception):
    """One line for the person at the terminal."""


@dataclass(frozen=True)
class Image:
    """What QEMU boots. The disk's first partition is the root, the second one the data."""

    folder: Path

    @property
    def disk(self) -> Path:
        """Both partitions."""
        return self.folder / "suitcase.img"

    @property
    def kernel(self) -> Path:
        """Beside the disk: QEMU loads it by itself."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """What finds the root."""
        return self.folder / "initrd.img"

    # No person is there who could answer fsck.
    # Nobody reads an audit trail here, and it would lengthen every system call.
    command_line = "root=PARTLABEL=koffert-root ro quiet fsck.repair=yes audit=0 console=ttyS0"


def say(what: str) -> None:
    """Tell the person who waits."""
    print(f"{time.strftime('%H:%M:%S')}  {what}", flush=True)


def bring_tools() -> None:
    """Install what is missing on this machine; raises AptError or ImageError."""
    if os.geteuid() != 0:
        raise ImageError("debootstrap and chroot need root: sudo make suitcase-image")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [
        package for program, package in TOOLS.items() if not shutil.which(program, path=path)
    ]
    if missing:
        say(f"installing {', '.join(missing)}")
        install_on_system(tuple(missing), ())


def mirror() -> str:
    """The first Debian mirror of this machine's own apt sources; raises ImageError."""
    places = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    found = mirror_in("\n".join(path.read_text() for path in sorted(places) if path.is_file()))
    if found is None:
        raise ImageError("no Debian mirror stands in this machine's apt sources")
    return found


def mirror_in(sources: str) -> str | None:
    """The first address that ends in /debian, in either format of sources.list(5)."""
    wanted = rf"^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(\S+/debian/?)(?:\s+{SUITE}\b.*)?$"
    found = re.search(wanted, sources, re.MULTILINE)
    return found[1] if found else None


def base_root(more_packages: tuple[str, ...]) -> Path:
    """A bare Debian with the box's packages and these, made once for each list of packages."""
    packages = (*DEBIAN_PACKAGES, *more_packages)
    name = hashlib.sha256(" ".join((SUITE, *packages)).encode()).hexdigest()[:12]
    base = CACHE / f"base-{name}"
    if base.is_dir():
        return base
    making = base.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    say("Debian, bare (debootstrap)")
    run_quietly(
        (
            *("debootstrap", "--variant=minbase", f"--include={','.join(packages)}"),
            *(SUITE, str(making), mirror()),
        )
    )
    # The mirror of one machine is no business of the box.
    for named in (making / "etc/apt/sources.list", making / "var/log/bootstrap.log"):
        named.unlink(missing_ok=True)
    left = [
        *(making / "var/cache/apt").rglob("*.deb"),
        *(making / "var/lib/apt/lists").glob("*_*"),
    ]
    for path in left:
        path.unlink()
    making.rename(base)
    return base


def make_root(base: Path, package: Path, additions: Path | None) -> Path:
    """Copy the bare Debian, install the box's package and settings; `additions` is laid over it all."""
    root = CACHE / "root"
    shutil.rmtree(root, ignore_errors=True)
    say("the box's root")
    run_quietly(("cp", "-a", str(base), str(root)))
    lay_over(IMAGE_FILES, root)
    shutil.copyfile(package, root / "package.deb")
    in_root(root, "dpkg", "--install", "/package.deb")
    (root / "package.deb").unlink()
    if additions is not None:
        lay_over(additions, root)
    for unit in sorted((root / "etc/systemd/system").glob("koffert-test-*.service")):
        in_root(root, "systemctl", "enable", unit.name)
    resolve_names_later(root)
    in_root(root, "systemctl", "enable", "systemd-networkd", "systemd-resolved", "chrony")
    in_root(root, "systemctl", "mask", *MASKED)
    in_root(root, "update-initramfs", "-u")
    resolved = root / "etc/resolv.conf"
    resolved.unlink(missing_ok=True)
    resolved.symlink_to("/run/systemd/resolve/stub-resolv.conf")
    # Empty, and on a read-only root: each boot has its own. The box's identity is what enrolment gave it.
    (root / "etc/machine-id").write_text("")
    (root / "data").mkdir()
    return root


def resolve_names_later(root: Path) -> None:
    """Debian has all of the system wait for the resolver; a box measures without one. Raises ImageError."""
    unit = (root / "lib/systemd/system/systemd-resolved.service").read_text()
    waited_for = unit.count("sysinit.target")
    if waited_for != 2:
        raise ImageError("systemd-resolved.service is not the one that is known here")
    own = unit.replace("Before=sysinit.target ", "Before=").replace("sysinit", "multi-user")
    (root / "etc/systemd/system/systemd-resolved.service").write_text(own)


def lay_over(source: Path, root: Path) -> None:
    """Copy a folder's files over a root, as root's own."""
    run_quietly(("cp", "-r", "--no-preserve=ownership", f"{source}/.", str(root)))


def in_root(root: Path, *command: str) -> None:
    """Run a command in the new system; nothing is started there."""
    environment = (
        "env",
        "-i",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND=noninteractive",
    )
    run_quietly(("chroot", str(root), *environment, *command))


def make_data(root: Path) -> Path:
    """What the data partition holds at first: the folders that the box writes to, with their owners."""
    data = CACHE / "data"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    for line in (root / "etc/fstab").read_text().splitlines():
        where = line.split()
        if len(where) > 1 and where[0].startswith("/data/"):
            original = root / where[1].lstrip("/")
            original.mkdir(parents=True, exist_ok=True)
            run_quietly(("cp", "-a", str(original), str(data / Path(where[0]).name)))
    return data


def make_disk(root: Path, data: Path, image: Image) -> None:
    """Two file systems, and one disk of both with a partition table: no mount, no loop device."""
    say("file systems and disk")
    image.folder.mkdir(parents=True, exist_ok=True)
    used_kib = int(run_quietly(("du", "-sk", str(root))).split()[0])
    parts = (
        ("koffert-root", root, used_kib * 11 // 10 // 1024 + ROOT_SPARE_MIB),
        ("koffert-data", data, DATA_MIB),
    )
    total_mib = sum(size for _, _, size in parts) + 2 * _ALIGNED_MIB
    with image.disk.open("wb") as disk:
        disk.truncate(total_mib * MIB)
    table, start_mib = "label: gpt\n", _ALIGNED_MIB
    for name, folder, size_mib in parts:
        table += f"start={start_mib}MiB, size={size_mib}MiB, type=linux, name={name}\n"
        offset = f"offset={start_mib * MIB}"
        run_quietly(
            (
                *("mkfs.ext4", "-q", "-F", "-L", name, "-E", f"{offset},lazy_itable_init=0"),
                *("-d", str(folder), str(image.disk), f"{size_mib}m"),
            )
        )
        start_mib += size_mib
    done = subprocess.run(
        ["sfdisk", "--quiet", "--no-tell-kernel", str(image.disk)],
        input=table,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ImageError(f"sfdisk: {done.stderr.strip()}")


def build(
    image: Image,
    *,
    package: Path,
    more_packages: tuple[str, ...] = (),
    additions: Path | None = None,
) -> None:
    """Make the image; `more_packages` are Debian's. Raises ImageError and AptError."""
    bring_tools()
    root = make_root(base_root(more_packages), package, additions)
    image.folder.mkdir(parents=True, exist_ok=True)
    for source, target in (("vmlinuz", image.kernel), ("initrd.img", image.initrd)):
        shutil.copyfile((root / source).resolve(), target)
    make_disk(root, make_data(root), image)
    for folder in (root, CACHE / "data"):
        shutil.rmtree(folder)


def built(name: str) -> Path:
    """One of our packages, built now; raises DebError and AptError."""
    say(f"the package {name}")
    deb.DIST.mkdir(exist_ok=True)
    [package] = [package for package in deb.PACKAGES if package.name == name]
    return deb.build(package, "amd64", revision=1)


def main() -> int:
    """Build the image and tell how to boot it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--package", type=Path, help="a koffert-agent for amd64; built when left out"
    )
    options = parser.parse_args()
    image = Image(TARGET)
    try:
        bring_tools()
        build(image, package=options.package or built("koffert-agent"))
    except (ImageError, deb.DebError, AptError, OSError) as problem:
        print(f"\nno image: {problem}", file=sys.stderr)
        return 1
    say(f"{image.disk.relative_to(ROOT)}; boot it as docs/how-to/boot-the-virtual-suitcase.md says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
