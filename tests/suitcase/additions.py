"""What the virtual suitcase has beside the shipped image: a radio with a meter, hands, and an ear for readings."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.suitcase.machine import METER_PORT

GUEST = Path(__file__).with_name("guest")
ROOT = Path(__file__).resolve().parents[2]
_NAME = re.compile(r"^([a-z0-9.-]+)==", re.MULTILINE)
_UDEV = 'SUBSYSTEM=="virtio-ports", ATTR{name}=="koffert.readings", OWNER="koffert", MODE="0600"\n'

# A meter on a cable that is put in later, and spoken prompts.
_MORE = f"""
[kiosk]
voices = "/var/lib/koffert/voices"

[[sensors]]
driver = "nonin-serial"
port = "{METER_PORT}"
"""
# Emulated on a busy machine, Python alone takes a minute to start.
_PATIENT = "[Service]\nTimeoutStartSec=300\n"


def make_additions(folder: Path) -> Path:
    """Lay the files out as they will lie in the suitcase; returns the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    programs, units = folder / "usr/lib/koffert-test", folder / "etc/systemd/system"
    agent = units / "koffert-agent.service.d"
    for made in (programs, agent, folder / "etc/modules-load.d", folder / "etc/udev/rules.d"):
        made.mkdir(parents=True)
    for process in ("agent", "kiosk", "video", "hub", "broker", "amk"):
        patient = units / f"koffert-{process}.service.d/patient.conf"
        patient.parent.mkdir(exist_ok=True)
        patient.write_text(_PATIENT)
    for program in ("radio.py", "hands.py", "finger.py", "ear.py"):
        shutil.copyfile(GUEST / program, programs / program)
    for unit in GUEST.glob("*.service"):
        shutil.copyfile(unit, units / unit.name)
    # The centre has a broker unit of its own.
    (units / "mosquitto.service").symlink_to("/dev/null")
    shutil.copyfile(GUEST / "acknowledgements.conf", agent / "acknowledgements.conf")
    settings = folder / "etc/koffert/agent.toml"
    settings.parent.mkdir()
    shipped = (ROOT / "packaging/koffert-agent/agent.toml").read_text()
    settings.write_text(shipped + _MORE)
    # What dpkg waits for is the emulated disk.
    quick = folder / "etc/dpkg/dpkg.cfg.d/koffert-test"
    quick.parent.mkdir(parents=True)
    quick.write_text("force-unsafe-io\n")
    # Empty: each sentence is spoken when the page asks for it.
    (folder / "var/lib/koffert/voices").mkdir(parents=True)
    (folder / "etc/modules-load.d/koffert-test.conf").write_text("hci_vhci\n")
    (folder / "etc/udev/rules.d/80-koffert-test.rules").write_text(_UDEV)
    _install_radio(folder, programs / "site")
    return folder


def _install_radio(folder: Path, site: Path) -> None:
    """Bumble and what it needs beyond the box's own environment."""
    texts = {
        name: (ROOT / "requirements" / f"{name}.txt").read_text() for name in ("agent", "suitcase")
    }
    present = set(_NAME.findall(texts["agent"]))
    blocks = re.split(r"\n(?=[a-z0-9])", texts["suitcase"])
    named = [(match[1], block) for block in blocks if (match := _NAME.match(block))]
    wanted = [block for name, block in named if name not in present]
    requirements = folder / "radio.txt"
    requirements.write_text("\n".join(wanted) + "\n")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary=:all:", "--require-hashes", f"--target={site}"),
            *("-r", str(requirements)),
        ],
        check=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    requirements.unlink()
