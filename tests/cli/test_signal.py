"""`koffert signal ecg|ppg|pack|unpack`, as they are called."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from koffert_cli.signal import signal
from koffert_cli.signals.files import read
from tests.signal.synthetic import ecg, ppg, score, twelve_leads

NAMES = "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(signal, [*map(str, arguments), "--json"])


def answer(*arguments: str | Path) -> Any:
    done = run(*arguments)
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def write(path: Path, header: str, columns: np.ndarray) -> Path:
    np.savetxt(path, columns, delimiter=",", header=header, comments="", fmt="%.4f")
    return path


def test_ecg_with_a_time_column(tmp_path: Path) -> None:
    record = ecg(duration_s=30)
    time_s = np.arange(record.x.size) / 360
    file = write(tmp_path / "a.csv", "time_s,II", np.column_stack([time_s, record.x]))
    found = answer("ecg", file)
    assert found["fs_hz"] == pytest.approx(360, abs=0.01)
    assert found["leads"] == ["II"]
    assert score(record.beats, found["peaks"], 360).f1 == 1
    assert found["heart_rate_bpm"] == pytest.approx(75, abs=2)
    assert found["quality"] > 0.9
    assert found["af_suspected"] is False
    assert found["qt_ms"] == pytest.approx(400, abs=30)


SHAPES = {
    "mark, semicolons, decimal commas, CRLF": ("\ufefftime_s;II\r\n", "{0:.4f};{1:.4f}\r\n", True),
    "tabs and milliseconds": ("time_ms\tII\n", "{2:.2f}\t{1:.4f}\n", True),
    "units in the header": ("time (s),II [mV]\n", "{0:.4f},{1:.4f}\n", False),
    "a row of units": ("time_s,II\ns,mV\n", "{0:.4f},{1:.4f}\n", False),
    "quotes": ('"time_s","II"\n', '"{0:.4f}","{1:.4f}"\n', False),
    "a column of words": ("time_s,II,note\n", "{0:.4f},{1:.4f},ok\n", False),
    "lines that end in their delimiter": ("time_s,II,\n", "{0:.4f},{1:.4f},\n", False),
    "times of two digits": ("time_s,II\n", "{0:.2f},{1:.4f}\n", False),
    "a comment": ("# tatt på prøve\ntime_s,II\n", "{0:.4f},{1:.4f}\n", False),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
@pytest.mark.parametrize("shape", SHAPES)
def test_tables_as_programs_write_them(tmp_path: Path, shape: str, encoding: str) -> None:
    record = ecg(fs_hz=250, duration_s=12)
    head, line, comma = SHAPES[shape]
    if encoding != "utf-8":
        head = head.lstrip("\ufeff")
    rows = [line.format(i / 250, x, i * 4.0) for i, x in enumerate(record.x)]
    text = "".join(row.replace(".", ",") if comma else row for row in rows)
    file = tmp_path / "a.csv"
    file.write_bytes((head + text).encode(encoding))
    found = answer("ecg", file)
    assert found["leads"] == ["II"]
    assert found["fs_hz"] == pytest.approx(250, rel=0.001)
    assert score(record.beats, found["peaks"], 250).f1 == 1


def test_rows_that_were_lost_are_a_gap(tmp_path: Path) -> None:
    record = ecg(fs_hz=250, duration_s=20)
    time_s = np.arange(record.x.size) / 250
    kept = (time_s < 6) | (time_s > 8)
    rows = np.column_stack([time_s, record.x])[kept]
    found = answer("ecg", write(tmp_path / "a.csv", "time_s,II", rows))
    outside = record.beats[(record.beats < 5.8 * 250) | (record.beats > 8.2 * 250)]
    assert score(outside, found["peaks"], 250).missed == 0
    assert "missing" in found["quality_reasons"]
    assert found["quality_per_second"][6:8] == [0, 0]


def test_microvolts_are_read_as_such(tmp_path: Path) -> None:
    whole = np.rint(1000 * ecg(fs_hz=250, duration_s=12).x)
    text = "II (µV)\n" + "".join(f"{x:.0f}\n" for x in whole)
    file = tmp_path / "a.csv"
    file.write_text(text, "utf-8")
    recording = read(file, 250)
    assert recording.leads == ("II",)
    assert np.allclose(recording.values[0], whole / 1000)
    assert recording.whole is not None
    assert np.array_equal(recording.whole[0], whole)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", ""])
def test_gaps_are_not_packed(tmp_path: Path, value: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text("II,V1\n" + "0.5,1\n" * 300 + f"{value},1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = run("pack", file, tmp_path / "out", "--fs", "250")
    assert done.exit_code == 2
    assert "cannot be packed" in done.stderr


def test_ecg_of_twelve_leads_with_its_sheet(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", NAMES, twelve_leads().T)
    for suffix, begins in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        sheet = tmp_path / f"sheet{suffix}"
        found = answer("ecg", file, "--fs", "500", "--lead", "v2", "--plot", sheet)
        assert found["lead"] == "V2"
        assert sheet.read_bytes().startswith(begins)


def test_noise_is_refused_rather_than_guessed(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).standard_normal((7200, 1))
    found = answer("ecg", write(tmp_path / "n.csv", "II", noise), "--fs", "360")
    assert found["quality"] < 0.3
    assert found["heart_rate_bpm"] is None
    assert found["af_suspected"] is None


def test_ppg(tmp_path: Path) -> None:
    record = ppg()
    found = answer("ppg", write(tmp_path / "p.csv", "ppg", record.x[:, None]), "--fs", "75")
    assert found["pulse_bpm"] == pytest.approx(72, abs=2)
    assert found["respiratory_rate_bpm"] == pytest.approx(16, abs=1)
    assert found["quality"] > 0.9
    assert score(record.beats, found["peaks"], 75).f1 > 0.98


@pytest.mark.parametrize("scale", [1, 0.005])
def test_pack_and_unpack_give_the_file_back(tmp_path: Path, scale: float) -> None:
    steps = np.rint(twelve_leads() * 200).T
    file = write(tmp_path / "a.csv", NAMES, steps * scale)
    packed = answer("pack", file, tmp_path / "a.kfs", "--fs", "500")
    assert packed["bits_per_sample"] < 6
    assert packed["ratio"] > 2
    back = answer("unpack", tmp_path / "a.kfs", tmp_path / "b.csv")
    assert back["info"]["fs_hz"] == 500
    assert back["damaged_blocks"] == []
    assert (tmp_path / "b.csv").read_text().splitlines()[0] == NAMES
    assert np.allclose(np.loadtxt(tmp_path / "b.csv", delimiter=",", skiprows=1), steps * scale)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "II\n",
        "II\nx\n",
        "1\n",
        "1\n" * 50,
        "nan\n" * 900,
        "5\n" * 900,
        "a,b\n1,2\n3\n",
        "\0\1\2",
    ],
)
@pytest.mark.parametrize("command", ["ecg", "ppg"])
def test_what_is_no_signal_is_told(tmp_path: Path, command: str, content: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(content)
    done = run(command, file, "--fs", "100")
    if done.exit_code == 0:
        assert json.loads(done.stdout)["quality"] == 0
    else:
        assert done.exit_code == 2
        assert json.loads(done.stderr)["error"]


@pytest.mark.parametrize(
    "arguments",
    [("ecg", "none.csv"), ("ppg", "none.csv", "--fs", "0"), ("unpack", "none.kfs", "out.csv")],
)
def test_bad_calls_end_with_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(*(tmp_path / part if "." in part else part for part in arguments))
    assert done.exit_code == 2
    assert json.loads(done.stderr)["error"]


def test_every_format_of_one_still_gives_one_answer(shared: Path) -> None:
    folder = shared / "data" / "ecg" / "triplet"
    peaks = [
        answer("ecg", folder / f"Example.{suffix}")["peaks"] for suffix in ("scp", "dcm", "xml")
    ]
    assert peaks[0] == peaks[1] == peaks[2]
    assert len(peaks[0]) == 12


@pytest.mark.parametrize("bits", [16, 212, 80])
def test_a_wfdb_record_with_a_pleth_wave(tmp_path: Path, bits: int) -> None:
    record = ppg(fs_hz=125)
    pair = np.rint(np.stack([record.x * 0, record.x]) * 60).astype(np.int64).T.ravel()
    if bits == 16:
        content = pair.astype("<i2").tobytes()
    elif bits == 80:
        content = (pair + 128).astype(np.uint8).tobytes()
    else:
        a, b = pair[::2] & 0xFFF, pair[1::2] & 0xFFF
        middle = (a >> 8) | (b >> 8) << 4
        content = np.stack([a & 0xFF, middle, b & 0xFF], axis=1).astype(np.uint8).tobytes()
    (tmp_path / "r.dat").write_bytes(content)
    lines = [f"r 2 125 {record.x.size}", f"r.dat {bits} 60/mV 12 0 0 0 0 II"]
    lines.append(f"r.dat {bits} 60/NU 12 0 0 0 0 PLETH")
    (tmp_path / "r.hea").write_text("\n".join(lines) + "\n")
    found = answer("ppg", tmp_path / "r")
    assert score(record.beats, found["peaks"], 125).f1 > 0.98


def test_a_recording_beside_the_repository(shared: Path) -> None:
    found = answer("ppg", shared / "data" / "ppg" / "v102s.hea")
    assert found["pulse_bpm"] == pytest.approx(103, abs=3)
