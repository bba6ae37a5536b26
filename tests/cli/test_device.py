"""What people see of the fleet: tables that fit, codes that scan, errors that help."""

import json
import stat
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from koffert_cli.device_report import TABLE_COLUMNS, box_table
from koffert_cli.main import main
from koffert_hub.provisioning.fleet import BoxInfo, BoxState, Item
from koffert_hub.provisioning.tokens import mint, redeem
from koffert_wire.enrolment import parse_code
from tests.hub.provisioning.box import NewBox
from tests.hub.provisioning.site import ProvisioningSite

BOX = "koffert-0001"


class Terminal:
    """The command, run in this process, with what it printed."""

    def __init__(self, site: ProvisioningSite, capfd: pytest.CaptureFixture[str]) -> None:
        self.site = site
        self._capfd = capfd
        self.error = ""

    def __call__(self, *arguments: str, exit_code: int = 0) -> str:
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["device", *arguments, "--config", str(self.site.config)])
        printed, self.error = self._capfd.readouterr()
        assert ended.value.code == exit_code, self.error
        return printed

    def enrol(self, device: str) -> None:
        """As the box would."""
        now = datetime.now(UTC)
        with self.site.engine.begin() as connection:
            token = mint(connection, device, now=now)
            redeem(connection, self.site.pki.authority(), token, NewBox().key.public_key(), now)


@pytest.fixture(name="device")
def fixture_device(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(ProvisioningSite(tmp_path, datetime.now(UTC)), capfd)


def test_a_code_to_scan_to_copy_and_to_read_aloud(device: Terminal, tmp_path: Path) -> None:
    png = tmp_path / "code.png"
    printed = device("add", BOX, "--label", "blue", "--png", str(png))
    lines = dict(line.split(maxsplit=1) for line in printed.splitlines() if line[:1].isalpha())
    code = parse_code(lines["Code"])
    assert code.fingerprint == device.site.pki.root_fingerprint()
    assert lines["Token"].replace(" ", "") == code.token
    assert "▀" in printed
    assert all(
        len(line) <= TABLE_COLUMNS or line.startswith("Code") for line in printed.splitlines()
    )
    assert stat.S_IMODE(png.stat().st_mode) == 0o600
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    assert width == height > 400


def test_a_new_code_for_a_known_box_must_be_meant(device: Terminal) -> None:
    device("add", BOX)
    device("add", BOX, exit_code=2)
    first = json.loads(device("add", BOX, "--again", "--json"))
    second = json.loads(device("add", BOX, "--again", "--json"))
    assert first["code"] != second["code"]
    device("add", "nobody", "--again", exit_code=2)
    device("add", "Not A Name", exit_code=2)


def test_a_box_through_all_hands(device: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    device("add", BOX)
    assert "announced" in device("list")
    device.enrol(BOX)
    names = iter(["Testpasient 1\n", "\n"])
    monkeypatch.setattr("sys.stdin.readline", lambda: next(names))
    assert "lent" in device("lend", BOX, "--new-patient")
    device("lend", BOX, "--new-patient", exit_code=2)  # no name came
    device("lend", BOX, exit_code=2)
    device("lend", BOX, "--patient", "p-1", "--new-patient", exit_code=2)
    assert "not yet" in device("show", BOX)
    assert "(paused)" in device("pause", BOX)
    device("pause", BOX, exit_code=2)
    assert "(active)" in device("resume", BOX)
    printed = device("return", BOX, "--done", "contents", "--done", "cleaned")
    assert printed.count("[x]") == 2
    assert "--done calibration" in printed
    printed = device("return", BOX, "--done", "all")
    assert "--wipe-report FILE" in printed
    device("lend", BOX, "--patient", "p-1", exit_code=2)
    assert "wiped" in device.error
    device("return", BOX, "--wipe-report", "nowhere.json", exit_code=2)
    assert "red" in device("label", BOX, "red")
    revoked = device("revoke", BOX)
    assert "broker is not running" in revoked
    assert json.loads(device("show", BOX, "--json"))["state"] == "revoked"


def test_the_table_fits_whatever_stands_in_it() -> None:
    long = "x" * 40
    info = BoxInfo(
        device=long,
        label=long * 2,
        state=BoxState.RETURNED,
        centre="c-1",
        added_ms=0,
        loan="l-1",
        loan_state=None,
        patient="p-" + "0" * 20,
        open_items=list(Item),
        certificate_expires_ms=1_800_000_000_000,
        state_followed=False,
    )
    for found in ([info], [info] * 30, []):
        assert all(len(line) <= TABLE_COLUMNS for line in box_table(found).splitlines())


def test_a_hub_without_provisioning_says_what_is_missing(device: Terminal) -> None:
    text = device.site.config.read_text()
    device.site.config.write_text(text.partition("[provisioning]")[0])
    device("add", BOX, exit_code=2)
    assert "[provisioning]" in device.error
