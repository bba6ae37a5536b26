"""The Debian packages without their Python environments, which take minutes: those are tried in the virtual suitcase."""

import subprocess
from pathlib import Path

import deb
import pytest
from suitcase_image import mirror_in

NAMES = [package.name for package in deb.PACKAGES]


@pytest.fixture(name="built", scope="module")
def fixture_built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each package as dpkg-deb unpacks it, control files in DEBIAN/."""
    folder = tmp_path_factory.mktemp("packages")
    unpacked = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deb, "DIST", folder)
        patch.setattr(deb, "make_environment", lambda *_: None)
        for package in deb.PACKAGES:
            archive = deb.build(package, "arm64", revision=3)
            assert archive.name == f"{package.name}_{deb.version()}-3_arm64.deb"
            unpacked[package.name] = folder / package.name
            subprocess.run(
                ["dpkg-deb", "--raw-extract", archive, unpacked[package.name]], check=True
            )
    return unpacked


def test_every_unit_is_in_one_package_and_every_file_is_there(root: Path) -> None:
    shipped = [unit for package in deb.PACKAGES for unit in (*package.units, *package.shipped)]
    assert sorted(shipped) == sorted(path.name for path in (root / "systemd/system").iterdir())
    files = {f"systemd/{source}" for package in deb.PACKAGES for source, _ in package.files}
    here = {
        str(path.relative_to(root))
        for path in (root / "systemd").glob("*/*")
        if path.parent.name != "system"
    }
    assert files == here


@pytest.mark.parametrize("name", NAMES)
def test_what_units_start_is_in_the_package_or_in_debian(name: str, built: dict[str, Path]) -> None:
    of_debian = {"/usr/sbin/mosquitto", "/usr/bin/cage"}
    for unit in (built[name] / "usr/lib/systemd/system").glob("*.service"):
        [start] = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
        program = start.removeprefix("ExecStart=").split()[0]
        assert program in of_debian or (built[name] / program.lstrip("/")).stat().st_mode & 0o111


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts_are_sound(name: str, script: str, built: dict[str, Path]) -> None:
    path = built[name] / "DEBIAN" / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(path)], check=True)
    assert f"PACKAGE='{name}'" in path.read_text()


def test_only_what_may_go_goes_with_a_purge(built: dict[str, Path]) -> None:
    agent = (built["koffert-agent"] / "DEBIAN/postrm").read_text()
    hub = (built["koffert-hub"] / "DEBIAN/postrm").read_text()
    assert "PURGED='/etc/koffert /var/lib/koffert'" in agent
    assert "PURGED='/etc/koffert'" in hub
    assert "KEPT='/var/lib/koffert-hub'" in hub


def test_settings_are_the_machines_own(built: dict[str, Path]) -> None:
    """They are replaced only after asking, once somebody has changed them."""
    conffiles = (built["koffert-agent"] / "DEBIAN/conffiles").read_text()
    assert conffiles == "/etc/koffert/agent.toml\n"
    assert not (built["koffert-hub"] / "etc").exists()


def test_the_hub_finds_the_brokers_templates(built: dict[str, Path]) -> None:
    """Where koffert_cli.places looks: below the environment's prefix."""
    folder = built["koffert-hub"] / "usr/lib/koffert-hub/share/koffert/config"
    assert (folder / "mosquitto/broker.conf").is_file()
    assert (folder / "rules/copd-follow-up.toml").is_file()


@pytest.mark.parametrize(
    "sources",
    [
        "Types: deb\nURIs: https://mirror.example/debian\nSuites: bookworm\n",
        "deb https://mirror.example/debian bookworm main\n",
        "deb [signed-by=/x.gpg] https://mirror.example/debian/ bookworm main contrib\n",
    ],
)
def test_the_mirror_is_the_machines_own(sources: str) -> None:
    others = "deb https://other.example/apt bookworm main\n"
    found = mirror_in(others + sources)
    assert found is not None
    assert found.rstrip("/") == "https://mirror.example/debian"
    assert mirror_in(others) is None
