"""The settings file."""

import re
from pathlib import Path

import pytest

from koffert_hub.settings import SettingsError, load_settings
from koffert_wire.topics import Lane


def write(folder: Path, text: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(text)
    return path


def test_the_example_is_a_settings_file(root: Path) -> None:
    settings = load_settings(root / "config" / "hub.example.toml")
    assert settings.database_url == "sqlite:////var/lib/koffert/hub/hub.sqlite"
    endpoint = settings.broker.endpoints()[Lane.ALARM]
    assert (endpoint.client_id, endpoint.port) == ("hub-alarm", 8884)
    assert endpoint.tls is not None


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'data_dir = "d"\ncentre = "c"\n[broker]\nport = 1883\n')
    settings = load_settings(path)
    assert settings.data_dir == tmp_path / "d"
    assert settings.broker.endpoints()[Lane.BULK].tls is None


@pytest.mark.parametrize(
    "text",
    [
        "data_dir = 3",
        'data_dir = "d"\ncentre = "c"\nunknown = 1\n[broker]\nport = 1883\n',
        'data_dir = "d"\ncentre = "c"\n[broker]\nport = 0\n',
        'data_dir = "d"\ncentre = "c"\n[broker]\nport = 1\nca = "ca.crt"\n',
        'data_dir = "d"\ncentre = "\xff',
    ],
)
def test_what_does_not_fit_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(write(tmp_path, text))


def test_an_error_says_line_and_key(tmp_path: Path) -> None:
    path = write(tmp_path, 'data_dir = "d"\ncentre = "c"\n[broker]\nprot = 1883\nport = 1\n')
    with pytest.raises(SettingsError, match=re.escape(f"{path}:4: broker.prot: Object contains")):
        load_settings(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path / "none.toml")
