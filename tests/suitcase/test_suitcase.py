"""The virtual suitcase: the box's image, booted, through what happens to a box. Also as `make test-suitcase`.

Real systemd, real BlueZ on the kernel's virtual radio, the installed package; broker and hub are on this machine.
"""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import deb
import pytest
import suitcase_image
from debian_packages import AptError, run_quietly

from koffert_drivers.simulated.oximeter import SimulatedOximeter
from tests.suitcase.additions import make_additions
from tests.suitcase.centre import BOX, Centre
from tests.suitcase.hub_inside import HubInside
from tests.suitcase.machine import Machine
from tests.suitcase.report import Report
from tests.suitcase.scenario import Scenario
from tests.support.cli_site import run_koffert

REPORT = deb.ROOT / "docs" / "reports" / "virtual-suitcase.md"
WITHOUT_NETWORK_S = 120.0
IDLE_S = 90.0
STICK_MIB = 16
# Inside: the box's package as an upgrade, the centre's, and that one as an upgrade.
NEWER, HUB, NEWER_HUB = (
    f"/usr/lib/koffert-test/{name}.deb" for name in ("newer", "hub", "newer-hub")
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> suitcase_image.Image:
    """The shipped image with the test's additions."""
    if os.geteuid() != 0:
        pytest.skip(
            "NOT ROOT: THE VIRTUAL SUITCASE WAS NOT TESTED (debootstrap and chroot need root)"
        )
    try:
        suitcase_image.bring_tools()
    except AptError as error:
        pytest.skip(f"NO QEMU: THE VIRTUAL SUITCASE WAS NOT TESTED ({error})")
    folder = tmp_path_factory.mktemp("suitcase-image")
    package, hub = suitcase_image.built("koffert-agent"), suitcase_image.built("koffert-hub")
    additions = make_additions(folder / "additions")
    make_newer(package, folder, additions / NEWER.lstrip("/"))
    shutil.copyfile(hub, additions / HUB.lstrip("/"))
    make_newer(hub, folder, additions / NEWER_HUB.lstrip("/"))
    made = suitcase_image.Image(folder / "image")
    suitcase_image.build(made, package=package, more_packages=("mosquitto",), additions=additions)
    shutil.rmtree(additions)
    return made


def make_newer(package: Path, folder: Path, target: Path) -> None:
    """The same package with a higher revision, not compressed: unpacking is not what is measured."""
    unpacked = folder / "newer"
    run_quietly(("dpkg-deb", "--raw-extract", str(package), str(unpacked)))
    builders = subprocess.run(
        ["grep", "--recursive", "--files-with-matches", "--fixed-strings", deb.ROOT, unpacked],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (builders.returncode, builders.stdout) == (1, ""), (
        "the package names its builder's folder"
    )
    control = unpacked / "DEBIAN" / "control"
    version = deb.version()
    control.write_text(
        control.read_text().replace(f"Version: {version}-1\n", f"Version: {version}-2\n")
    )
    run_quietly(("dpkg-deb", "-Znone", "--build", str(unpacked), str(target)))
    shutil.rmtree(unpacked)


def make_stick(folder: Path, code_file: Path) -> Path:
    """A USB stick as an engineer makes it: FAT, the label KOFFERT, the code in a file."""
    stick = folder / "stick.img"
    with stick.open("wb") as disk:
        disk.truncate(STICK_MIB * suitcase_image.MIB)
    run_quietly(("mkfs.vfat", "-n", "KOFFERT", str(stick)))
    run_quietly(("mcopy", "-i", str(stick), str(code_file), "::koffert-code.txt"))
    return stick


@pytest.mark.slow
@pytest.mark.timeout(900, func_only=True)
def test_the_suitcase(image: suitcase_image.Image, tmp_path: Path) -> None:
    readings = tmp_path / "readings.txt"
    centre = Centre(tmp_path / "centre", readings)
    made = centre.init()
    assert made.exit_code == 0, made.error
    code_file = tmp_path / "koffert-code.txt"
    centre.code(BOX, "--code-file", str(code_file))
    machine = Machine(tmp_path, image, make_stick(tmp_path, code_file))
    assert machine.readings == readings
    report = Report()

    async def scenario() -> None:
        async with centre.running(), SimulatedOximeter("nonin-serial") as cabled:
            await asyncio.to_thread(live, Scenario(machine, centre, report), cabled.path)

    try:
        asyncio.run(scenario())
    finally:
        machine.cut_power()
    totals = centre.totals()
    report.add("readings called safe by the box", totals.measured, "")
    report.add("of them lost", totals.lost, "")
    report.add("stored twice", totals.duplicates, "")
    assert (totals.lost, totals.duplicates) == (0, 0)
    verified = run_koffert("log", "verify", str(centre.folder / "hub" / "hub.sqlite"), "--json")
    assert verified.exit_code == 0, verified
    report.write(REPORT)


def live(suitcase: Scenario, port: str) -> None:
    """A box's life, in the order in which it is lived."""
    suitcase.first_boot()
    suitcase.pair_and_lend()
    suitcase.power_cut()
    suitcase.boot_time()
    suitcase.meter_put_away()
    suitcase.network_cut(WITHOUT_NETWORK_S)
    suitcase.serial_meter(port)
    suitcase.idle(IDLE_S)
    suitcase.speaks()
    suitcase.video_visit()
    suitcase.package_comes_and_goes(NEWER)


@pytest.mark.slow
@pytest.mark.timeout(900, func_only=True)
def test_the_centres_package_comes_and_goes(image: suitcase_image.Image, tmp_path: Path) -> None:
    machine = Machine(tmp_path, image)
    try:
        machine.power_on()
        machine.wait_until_up()
        machine.must("mount -o remount,rw / && dpkg --purge koffert-agent", within_s=400)
        HubInside(machine, Report()).package_comes_and_goes(HUB, NEWER_HUB)
    finally:
        machine.cut_power()
