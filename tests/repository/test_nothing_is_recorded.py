"""Of a video visit nothing is recorded: no part of the product names what could."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
# Of a browser and of aiortc, by the same name.
RECORDER = "Media" + "Recorder"


def test_no_part_has_a_recorder() -> None:
    sources = [
        path
        for folder in ("hub", "device_agent", "cli", "wire", "drivers")
        for ending in ("*.py", "*.ts", "*.html")
        for path in (ROOT / folder).rglob(ending)
    ]
    assert len(sources) > 300
    assert [path for path in sources if RECORDER in path.read_text()] == []
