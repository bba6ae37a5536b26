"""agent.toml: the example loads, and everything wrong is said with file, key and reason."""

import re
from pathlib import Path

import pytest

from koffert_agent.settings import SettingsError, load_settings

GOOD = """
device = "koffert-0001"
loan = "loan-1"
data_dir = "data"

[hub]
host = "hub.example"
port = 8883
ca = "ca.crt"
certificate = "device.crt"
key = "device.key"
link_key = "link.key"
sealing_key = "sealing.pub"

[[sensors]]
driver = "contec-v7"
port = "/dev/ttyUSB0"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ca.crt", "device.crt", "device.key"):
        (tmp_path / name).touch()
    for name in ("link.key", "sealing.pub"):
        (tmp_path / name).write_bytes(bytes(32))
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def test_good_settings_are_read_with_their_keys_and_paths(folder: Path) -> None:
    settings = load_settings(write(folder, GOOD))
    assert settings.endpoint.client_id == settings.device == "koffert-0001"
    assert settings.data_dir == folder / "data"
    assert settings.link_key == bytes(32)
    assert settings.endpoint.tls is not None
    assert settings.endpoint.tls.ca == folder / "ca.crt"
    assert settings.daily_budget_bytes is None


def test_the_example_is_good(folder: Path, root: Path) -> None:
    text = (root / "config" / "agent.example.toml").read_text()
    text = re.sub(r'"/etc/koffert/([a-z.]+)"', r'"\1"', text)
    settings = load_settings(write(folder, text))
    assert settings.sensors


def test_a_box_without_a_loan_is_allowed(folder: Path) -> None:
    assert load_settings(write(folder, GOOD.replace('loan = "loan-1"\n', ""))).loan is None


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ('device = "koffert-0001"', 'device = "Box 1"', "device", "not a device id"),
        ('data_dir = "data"', "", "top level", "data_dir"),
        ("port = 8883", "port = 70000", "hub.port", "65535"),
        ("port = 8883", 'port = "8883"', "hub.port", "Expected `int`"),
        ('host = "hub.example"', "", "hub", "host"),
        ('host = "hub.example"', 'host = "h"\nspeed = 1', "hub.speed", "speed"),
        ('link_key = "link.key"', 'link_key = "no"', "hub.link_key", "not there"),
        ('sealing_key = "sealing.pub"', 'sealing_key = "ca.crt"', "hub.sealing_key", "0 bytes"),
        ("[hub]", '[stills]\nfolder = "../stills"\n[hub]', "stills.folder", "must lie in data_dir"),
        ("contec-v7", "contec-v8", "sensors[0].driver", "known: "),
        ("[[sensors]]", "[sensors", "", "not TOML"),
        ("[hub]", '[[sensors]]\ndriver = "nonin-serial"\nport = "/dev/ttyUSB0"\n[hub]', "sensors[1].port", "named twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(folder: Path, old: str, new: str, key: str, reason: str) -> None:
    assert old in GOOD
    path = write(folder, GOOD.replace(old, new))
    with pytest.raises(SettingsError, match=re.escape(reason)) as error:
        load_settings(path)
    assert error.value.key == key
    assert str(path) in str(error.value)


def test_the_line_is_said(folder: Path) -> None:
    path = write(folder, GOOD.replace("port = 8883", "port = 70000"))
    line = GOOD.splitlines().index("port = 8883") + 1
    with pytest.raises(SettingsError, match=re.escape(f"{path}:{line}: hub.port: Expected")):
        load_settings(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path / "agent.toml")


def test_stills_lie_in_the_data_folder_and_on_a_stick(folder: Path) -> None:
    stills = '[stills]\nfolder = "stills"\nstick = "/media/koffert"\n[hub]'
    settings = load_settings(write(folder, GOOD.replace("[hub]", stills)))
    assert settings.still_folders == (folder / "data" / "stills", Path("/media/koffert"))
    assert load_settings(write(folder, GOOD)).still_folders == ()
