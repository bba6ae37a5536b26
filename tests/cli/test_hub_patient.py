"""`koffert hub patient` as a person or a program calls it."""

import io
from pathlib import Path

import msgspec
import pytest

from koffert_cli.main import main
from koffert_hub import registry
from koffert_hub.database import open_database
from koffert_hub.settings import load_settings


class Office:
    """A hub's data folder with one patient."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture
        self.config = folder / "hub.toml"
        self.config.write_text('data_dir = "data"\ncentre = "Dalane DMS"\n[broker]\nport = 1883\n')
        (made,) = self.hub("init")
        engine = open_database(load_settings(self.config).database_url)
        with engine.begin() as connection:
            centre = str(made["centre"])
            self.patient = registry.create_patient(connection, centre, "Testpasient 1", now_ms=0)
        engine.dispose()

    def hub(self, *arguments: str, code: int = 0) -> list[dict[str, object]]:
        """`koffert hub …` in this process; its lines of JSON, or those of its error."""
        printed = self.printed(*arguments, "--json", code=code)
        return [msgspec.json.decode(line) for line in printed.splitlines()]

    def printed(self, *arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["hub", *arguments, "--config", str(self.config)])
        said = self._capture.readouterr()
        assert ended.value.code == code, said.err
        return said.err if code else said.out

    def act(self, action: str, *arguments: str, code: int = 0) -> list[dict[str, object]]:
        return self.hub("patient", action, self.patient, *arguments, code=code)


@pytest.fixture(name="office")
def fixture_office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, capsys)


def test_a_record_is_restricted_copied_for_a_reason_and_reopened(office: Office) -> None:
    why = ("--by", "lege", "--reason", "asked for it")
    (done,) = office.act("restrict", *why)
    assert (done["state"], done["ended"]) == ("restricted", [])
    (error,) = office.act("restrict", *why, code=2)
    assert "already" in str(error["error"])
    target = office.folder / "copy.zip"
    (error,) = office.act("export", str(target), "--by", "lege", code=2)
    assert error["next_step"] == "say why: --reason TEXT"
    (copied,) = office.act("export", str(target), *why)
    parts = copied["parts"]
    assert isinstance(parts, dict)
    assert parts["record-states.csv"] == 1
    (error,) = office.act("export", str(target), *why, code=2)
    assert "is there already" in str(error["error"])
    assert office.act("reopen", *why)[0]["state"] == "open"
    assert office.act("close", *why)[0]["state"] == "closed"
    office.hub("patient", "close", "p-unknown", *why, code=2)
    printed = office.printed("patient", "reopen", office.patient, *why)
    assert printed.startswith("the record is open, recorded as ")


def test_a_name_is_corrected_from_stdin(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Testpasient 2\n00 00 00 00\n"))
    (done,) = office.act("correct", "display_name", "phone", "--by", "lege")
    assert done == {"changed": ["display_name", "phone"]}
    monkeypatch.setattr("sys.stdin", io.StringIO("12345678901\n"))
    (error,) = office.act("correct", "birth_number", "--by", "lege", code=2)
    assert "check digits" in str(error["error"])
    office.act("correct", "--by", "lege", code=2)


def test_a_consent_is_given_and_withdrawn(office: Office) -> None:
    text = office.folder / "text.md"
    text.write_text("Jeg vil følges opp hjemme.")
    (error,) = office.act("consent", "--given", "2026-1", "--by", "lege", code=2)
    assert "no consent text" in str(error["error"])
    office.act("consent", "--given", "2026-1", "--text", str(text), "--by", "lege")
    office.act("consent", "--withdrawn", "--by", "lege")
    assert [one["given"] for one in office.act("consent")] == [False, True]
    office.act("consent", "--withdrawn", "--by", "lege", code=2)
    office.act("consent", "--withdrawn", "--given", "2026-1", code=2)
    assert "withdrawn  2026-1  recorded by lege" in office.printed(
        "patient", "consent", office.patient
    )
