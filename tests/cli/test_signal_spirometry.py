"""`koffert signal spirometry` and `reference`, as a person or a program runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from koffert_cli.output import CommandGroup
from koffert_cli.signal_spirometry import reference, spirometry
from tests.signal.spirometry.closed_form import Model

MODEL = Model(pef=2.8, tr=0.07, w=0.8, tau1=0.2, tau2=2.2, t_end=13.0)
PERSON = ["--sex", "M", "--age", "71.5", "--height-cm", "176"]


@click.group(cls=CommandGroup)
def group() -> None:
    """Stands in for `koffert signal`."""


group.add_command(spirometry)
group.add_command(reference)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        group.main([*arguments])
    code = stopped.value.code
    assert isinstance(code, int)
    return code


def written(path: Path, header: str, columns: list[Any], mark: str = ",") -> str:
    rows = zip(*columns, strict=True)
    text = "\n".join(mark.join(f"{value:.6f}" for value in row) for row in rows)
    path.write_text(f"{header}\n{text}\n" if mark == "," else f"{header}\n{text}".replace(".", ","))
    return str(path)


def blow(path: Path, scale: float = 1.0) -> str:
    times_s = MODEL.times_s(100.0)
    return written(path, "time_s,volume_l", [times_s, scale * MODEL.volume_l(times_s)])


def test_a_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [blow(tmp_path / f"{n}.csv", scale) for n, scale in enumerate((1.0, 0.98, 0.97))]
    assert run("spirometry", *files, *PERSON, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["grade_fev1"], found["grade_fvc"]) == ("A", "A")
    assert [one["acceptable"] for one in found["blows"]] == [True] * 3
    assert found["ratio"] == pytest.approx(found["fev1_l"] / found["fvc_l"], abs=1e-4)
    assert found["percent_predicted"]["fev1_l"] == pytest.approx(
        100 * found["fev1_l"] / found["predicted"]["fev1_l"], abs=0.1
    )
    assert found["ratio_below_lln"] is found["ratio_below_0_70"] is True
    assert found["gold_grade"] in {2, 3}
    assert set(found["z"]) == {"fev1_l", "fvc_l", "ratio", "fef25_75_l_s"}


@pytest.mark.parametrize(
    ("header", "column", "mark"),
    [
        ("time_s,flow_l_s", MODEL.flow_l_s, ","),
        ("t_s,volume_ml", lambda t: 1000 * MODEL.volume_l(t), ","),
        ("Time_s;Volume_l", MODEL.volume_l, ";"),
        ("time_s,flow_l_min", lambda t: 60 * MODEL.flow_l_s(t), ","),
    ],
)
def test_files_in_other_columns_and_units(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str, column: Any, mark: str
) -> None:
    times_s = MODEL.times_s(100.0)
    path = written(tmp_path / "other.csv", header, [times_s, column(times_s)], mark)
    assert run("spirometry", path, *PERSON, "--reference", "none", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fvc_l"] == pytest.approx(float(MODEL.volume_l(np.array(13.0))), abs=0.003)
    assert "predicted" not in found


def test_room_temperature_and_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = blow(tmp_path / "blow.csv")
    assert run("spirometry", path, *PERSON) == 0
    btps_l = json.loads(capsys.readouterr().out)["fvc_l"]
    drawn = [tmp_path / "loops.png", tmp_path / "loops.svg"]
    for plot in drawn:
        assert run("spirometry", path, *PERSON, "--room-c", "20", "--plot", str(plot)) == 0
    room_l = json.loads(capsys.readouterr().out.splitlines()[-1])["fvc_l"]
    assert room_l / btps_l == pytest.approx(1.102, abs=0.001)
    assert drawn[0].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in drawn[1].read_bytes()
    assert run("spirometry", path, *PERSON, "--plot", str(tmp_path / "loops.gif")) == 2


def test_the_table_says_which_limit_is_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run("spirometry", blow(tmp_path / "blow.csv"), *PERSON) == 0
    text = capsys.readouterr().out
    assert "Grade: FEV1 E, FVC E." in text
    assert "0.70 (GOLD, grade" in text
    assert "the lower limit of normal" in text
    assert "Not a diagnosis" in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "time_s,volume_l\n",
        "a,b\n1,2\n",
        "time_s,volume_l\n" + "1,1\n" * 100,
        "time_s,volume_l\n" + "\n".join(f"{n / 100},0" for n in range(500)),
        "time_s,volume_l\n" + "\n".join(f"{n / 100},nan" for n in range(500)),
        "time_s,volume_l\n" + "\n".join(f"{n / 2},{n}" for n in range(20)),
        "\x00\x01",
    ],
)
def test_files_that_hold_no_blow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "no blow.csv"
    path.write_text(text)
    assert run("spirometry", str(path), *PERSON, "--json") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert json.loads(printed.err)["error"].startswith("no blow.csv")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "bytes.csv"
    path.write_bytes(b"\xff\xfe\x80")
    assert run("spirometry", str(path), *PERSON) == 2


def test_reference(capsys: pytest.CaptureFixture[str]) -> None:
    person = ["--sex", "M", "--age", "66.1", "--height-cm", "173"]
    assert run("reference", *person, "--fev1", "1.33", "--fvc", "3.3", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["predicted"]["fev1_l"] == pytest.approx(3.161, abs=0.0015)
    assert found["z"]["fvc_l"] == pytest.approx(-1.31, abs=0.01)
    assert found["percent_predicted"]["fev1_l"] == pytest.approx(42.1, abs=0.1)
    assert run("reference", *person, "--reference", "gli-global", "--json") == 0
    other = json.loads(capsys.readouterr().out)
    assert other["predicted"]["fef25_75_l_s"] is None
    assert other["z"]["fev1_l"] is None
    assert other["group"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sex", "M", "--age", "96", "--height-cm", "170"],
        ["--sex", "M", "--age", "2.9", "--height-cm", "100"],
        ["--sex", "X", "--age", "70", "--height-cm", "170"],
        ["--sex", "F", "--age", "70", "--height-cm", "1.70"],
        ["--sex", "F", "--age", "nan", "--height-cm", "170"],
        ["--sex", "F", "--age", "70", "--height-cm", "170", "--fev1", "-1"],
        ["--sex", "F", "--age", "70"],
    ],
)
def test_people_that_the_equations_do_not_know(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run("reference", *arguments, "--json") == 2
    assert json.loads(capsys.readouterr().err)["error"]


def test_nobody_is_too_old_to_be_graded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = ["--sex", "F", "--age", "97", "--height-cm", "155"]
    path = blow(tmp_path / "blow.csv")
    assert run("spirometry", path, *old, "--json") == 2
    assert "--reference none" in json.loads(capsys.readouterr().err)["next_step"]
    assert run("spirometry", path, *old, "--reference", "none", "--json") == 0
