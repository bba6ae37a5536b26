"""`koffert hub documents` as a person or a program calls it."""

from pathlib import Path

import msgspec
import pytest

from koffert_cli.main import main
from koffert_hub import registry
from koffert_hub.database import open_database
from koffert_hub.documents.projection import DocumentProjection
from koffert_hub.settings import load_settings
from tests.drivers.stills.samples import beats, scp, tiff
from tests.hub.documents.kit import named

STILL = scp(beats())


class Centre:
    """A hub's data folder with one patient; `file` is what the running hub does."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture
        self.config = folder / "hub.toml"
        self.config.write_text('data_dir = "data"\ncentre = "Dalane DMS"\n[broker]\nport = 1883\n')
        (made,) = self.hub("init")
        self.url = load_settings(self.config).database_url
        engine = open_database(self.url)
        with engine.begin() as connection:
            centre = str(made["centre"])
            self.patient = registry.create_patient(connection, centre, "Testpasient 1", now_ms=0)
        engine.dispose()

    def hub(self, *arguments: str, code: int = 0) -> list[dict[str, object]]:
        """`koffert hub …` in this process; its lines of JSON, or those of its error."""
        with pytest.raises(SystemExit) as ended:
            main(["hub", *arguments, "--config", str(self.config), "--json"])
        assert ended.value.code == code
        printed = self._capture.readouterr()
        lines = (printed.err if code else printed.out).splitlines()
        return [msgspec.json.decode(line) for line in lines]

    def documents(self, *arguments: str, code: int = 0) -> list[dict[str, object]]:
        return self.hub("documents", *arguments, code=code)

    def take(self, name: str, content: bytes) -> str:
        """Import a file and file it."""
        path = self.folder / name
        path.write_bytes(content)
        (imported,) = self.documents("import", str(path), "--patient", self.patient)
        engine = open_database(self.url)
        projection = DocumentProjection(engine)
        while projection.follow():
            pass
        engine.dispose()
        return str(imported["document"])


@pytest.fixture(name="centre")
def fixture_centre(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Centre:
    return Centre(tmp_path, capsys)


def test_a_still_is_imported_shown_and_exported(centre: Centre) -> None:
    identifier = centre.take("a.scp", STILL)
    (line,) = centre.documents("list", "--patient", centre.patient)
    assert (line["id"], line["state"], line["kind"]) == (identifier, "filed", "scp-ecg")
    (shown,) = centre.documents("show", identifier)
    summary = shown["summary"]
    assert isinstance(summary, dict)
    assert (summary["rate_hz"], "patient" in summary) == (500.0, False)
    out = centre.folder / "out.scp"
    centre.documents("export", identifier, str(out))
    assert out.read_bytes() == STILL
    centre.documents("export", identifier, str(out), code=2)
    assert centre.hub("rebuild", "documents")[0]["documents"] == 1
    assert centre.documents("list") == [line]


def test_a_held_still_is_decided_once(centre: Centre) -> None:
    identifier = centre.take("a.xml", named("Nordmann", "Kari"))
    assert [line["id"] for line in centre.documents("list", "--held")] == [identifier]
    (shown,) = centre.documents("show", identifier, "--identity")
    assert isinstance(shown["summary"], dict)
    assert shown["summary"]["patient"]["family_name"] == "Nordmann"
    assert centre.documents("reject", identifier, "--by", "lege")[0]["state"] == "rejected"
    assert centre.documents("list", "--held") == []
    (error,) = centre.documents("accept", identifier, "--by", "lege", code=2)
    assert "rejected" in str(error["error"])


def test_a_recording_in_two_files_is_taken_with_its_second(centre: Centre) -> None:
    header = centre.folder / "ecg.hea"
    header.write_bytes(b"ecg 1 500 4\necg.dat 16 200/mV 16 0 0 6 0 II\n")
    centre.documents("import", str(header), "--patient", centre.patient, code=2)
    (centre.folder / "ecg.dat").write_bytes(bytes((0, 0, 1, 0, 2, 0, 3, 0)))
    (imported,) = centre.documents("import", str(header), "--patient", centre.patient)
    assert imported["kind"] == "wfdb"


def test_what_is_no_still_or_nobodys_is_refused(centre: Centre) -> None:
    for name, content, reason in (
        ("a.jpg", b"no still", "unknown-format"),
        ("a.scp", STILL[:-9], "damaged"),
    ):
        path = centre.folder / name
        path.write_bytes(content)
        (error,) = centre.documents("import", str(path), "--patient", centre.patient, code=2)
        assert reason in str(error["error"])
    path = centre.folder / "a.tif"
    path.write_bytes(tiff(1))
    (error,) = centre.documents("import", str(path), "--patient", "p-0", code=2)
    assert "no patient" in str(error["error"])
    (error,) = centre.documents("show", "d-0", code=2)
    assert error["next_step"] == "koffert hub documents list"
