"""`koffert alert`, as a program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PATIENT = {"patient": {"spo2_scale": 2, "on_oxygen": False, "limits": {}, "baseline": None}}
LOW = {
    "measured_at": "2026-11-05T08:00:00Z",
    "id": "a",
    "kind": "spo2",
    "value": 82,
    "quality": 0.9,
}
LOWER = {**LOW, "measured_at": "2026-11-05T08:05:00Z", "id": "b", "value": 81}


def koffert(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    code = "from koffert_cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "alert", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=30,
    )


def evaluate(*lines: dict[str, Any]) -> list[dict[str, Any]]:
    result = koffert("evaluate", "-", stdin="\n".join(map(json.dumps, lines)))
    assert (result.returncode, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def refused(stdin: str) -> list[dict[str, Any]]:
    result = koffert("evaluate", "-", stdin=stdin)
    assert (result.returncode, result.stdout) == (2, "")
    return [json.loads(line) for line in result.stderr.splitlines()]


def test_a_confirmed_red_says_all_that_it_rests_on() -> None:
    (alert,) = evaluate(PATIENT, LOW, LOWER)
    assert (alert["raised_at"], alert["priority"]) == ("2026-11-05T08:05:00Z", "red")
    assert (alert["cause"], alert["rule"]) == ("spo2_low", "spo2-low-confirmed")
    assert (
        alert["inputs"] | {"spo2_pct": 81, "first_spo2_pct": 82, "confirmed": True}
        == alert["inputs"]
    )
    assert alert["limits"] == {"spo2_floor_pct": 83, "spo2_yellow_pct": 85}
    assert (alert["version"], alert["revised"], alert["cleared_at"]) == ("1.0.0", False, None)
    for language in ("text_nb", "text_en"):
        for fact in ("81 %", "82 %", "83 %", alert["rule"], alert["version"]):
            assert fact in alert[language]


def test_without_a_repeat_the_red_is_marked_unconfirmed() -> None:
    (alert,) = evaluate(PATIENT, LOW)
    assert (alert["raised_at"], alert["priority"]) == ("2026-11-05T08:10:00Z", "red")
    assert "ikke bekreftet" in alert["text_nb"]


def test_a_correction_revises_what_was_raised() -> None:
    correction = {
        "measured_at": "2026-11-05T09:00:00Z",
        "id": "c",
        "kind": "correction",
        "value": {"of": "a", "reason": "not this patient"},
    }
    alerts = evaluate(PATIENT, LOW, LOWER, correction)
    assert [(alert["raised_at"], alert["revised"]) for alert in alerts] == [
        ("2026-11-05T08:05:00Z", True),
        ("2026-11-05T08:15:00Z", False),  # of the second reading alone, which nothing confirmed
    ]


def test_late_data_is_judged_as_of_when_it_was_measured_and_marked() -> None:
    night = [{**one, "arrived_at": "2026-11-05T12:00:00Z"} for one in (LOW, LOWER)]
    (alert,) = evaluate(PATIENT, *night)
    assert (alert["raised_at"], alert["late"]) == ("2026-11-05T08:05:00Z", True)
    assert "kom sent" in alert["text_nb"]


def test_the_doctors_floor_wins() -> None:
    patient = {"patient": {**PATIENT["patient"], "limits": {"spo2_floor_pct": 80}}}
    assert [alert["priority"] for alert in evaluate(patient, LOW, LOWER)] == ["yellow"]


def test_a_silent_day_is_blue_and_ends_with_the_next_reading() -> None:
    back = {**LOW, "measured_at": "2026-11-07T08:00:00Z", "id": "z", "value": 90}
    blue, *_ = evaluate(PATIENT, {**LOW, "value": 91}, back)
    assert (blue["priority"], blue["cause"]) == ("blue", "no_data")
    assert (blue["raised_at"], blue["cleared_at"]) == ("2026-11-06T10:00:00Z", back["measured_at"])


def test_silence_up_to_the_end_of_the_file_is_open() -> None:
    later = {
        "measured_at": "2026-11-08T08:00:00Z",
        "kind": "device",
        "value": {"problem": "battery"},
    }
    alerts = evaluate(PATIENT, {**LOW, "value": 91}, later)
    assert [(alert["cause"], alert["cleared_at"]) for alert in alerts] == [
        ("no_data", None),
        ("device_battery", None),
    ]


def test_a_value_that_is_none_may_be_null_or_the_meters_code() -> None:
    for value in (None, 127):
        assert evaluate(PATIENT, {**LOW, "value": value, "quality": 0}) == []


def test_a_session_without_a_grade_is_no_value() -> None:
    blows = [
        {
            "measured_at": f"2026-11-0{day}T10:00:00Z",
            "kind": "spirometry",
            "value": {"fev1_l": 0.5, "fvc_l": 1.5, "grade": None},
        }
        for day in (5, 6)
    ]
    usual = {"fev1_mean_l": 1.2, "fev1_sd_l": 0.1}
    assert evaluate({"patient": {"spo2_scale": 2, "baseline": usual}}, *blows) == []


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("{", "not-json"),
        (b"\xff".decode("latin-1") + "{", "not-json"),
        ('{"kind": "spo2", "value": 80}', "bad-field"),
        (json.dumps({**LOW, "kind": "mood"}), "bad-field"),
        (json.dumps({**LOW, "value": "80"}), "bad-field"),
        (json.dumps({**LOW, "value": 140}), "bad-field"),
        (json.dumps({**LOW, "quality": 2}), "bad-field"),
        (json.dumps({**LOW, "measured_at": "yesterday"}), "bad-time"),
        (json.dumps({**LOW, "measured_at": "0001-01-01T00:00:00Z"}), "bad-time"),
        (json.dumps({**LOW, "kind": "spirometry", "value": {"fev1_l": 1.2}}), "bad-field"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_judged(line: str, error: str) -> None:
    text = "\n".join([json.dumps(PATIENT), json.dumps(LOW), line, json.dumps(LOWER)])
    (bad,) = refused(text)
    assert (bad["error"], bad["line"]) == (error, 3)


def test_every_bad_line_is_named() -> None:
    bad = refused("\n".join([json.dumps({"patient": {"spo2_scale": 3}}), "{", "[]"]))
    assert [line["line"] for line in bad] == [1, 2, 3]


def test_an_empty_file_has_no_patient() -> None:
    assert refused("")[0]["error"] == "no-patient"


def test_news2_in_part_says_so() -> None:
    result = koffert("news2", "--rr", "26", "--spo2", "84", "--oxygen", "--scale", "2")
    scored = json.loads(result.stdout)
    assert (scored["score"], scored["parameters"], scored["any_three"]) == (7, 3, True)
    assert (scored["risk"], scored["label"]) == ("high", "partial score, 3 of 7")


@pytest.mark.parametrize(
    ("word", "points"), [("yes", 2), ("true", 2), ("2.5", 2), ("no", 0), ("false", 0), ("0", 0)]
)
def test_oxygen_may_be_said_in_words_or_litres(word: str, points: int) -> None:
    scored = json.loads(koffert("news2", "--oxygen", word).stdout)
    assert (scored["score"], scored["parameters"]) == (points, 1)


@pytest.mark.parametrize(
    "arguments",
    [("--scale", "3"), ("--spo2", "101"), ("--acvpu", "X"), ("--rr", "fast"), ("--oxygen", "much"),
     ("--temp", "nan")],
)  # fmt: skip
def test_impossible_observations_are_refused(arguments: tuple[str, ...]) -> None:
    result = koffert("news2", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert "error" in json.loads(result.stderr)


def test_the_rules_that_come_along_are_sound() -> None:
    result = koffert("rules", "check", "--json")
    assert result.returncode == 0
    (checked,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (checked["version"], checked["signed"]) == ("1.0.0", False)


def test_an_unsound_rule_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('name = "x"\n')
    result = koffert("rules", "check", str(path))
    assert result.returncode == 2
    bad = json.loads(result.stderr)
    assert (bad["error"], bad["file"]) == ("bad-rules", str(path))
    again = koffert("evaluate", "-", "--rules", str(path))
    assert again.returncode == 2
    assert "version" in json.loads(again.stderr)["error"]


def test_a_replay_needs_a_hub(tmp_path: Path) -> None:
    settings = tmp_path / "hub.toml"
    settings.write_text('data_dir = "hub"\ncentre = "Dalane DMS"\n\n[broker]\nport = 1883\n')
    result = koffert("replay", "p-1", "--config", str(settings))
    assert result.returncode == 2
    assert "no hub in" in json.loads(result.stderr)["error"]
    assert koffert("replay", "p-1", "--config", str(settings), "--since", "now").returncode == 2


def test_scoring_needs_no_database() -> None:
    code = "import sys, koffert_cli.alert; print('sqlalchemy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "False"
