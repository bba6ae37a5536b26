"""Rule files: complete, consistent, signed or not."""

import re
from pathlib import Path

import pytest

from koffert_hub.alerts.rules import RulesError, load_rules
from tests.hub.alerts.kit import RULES_FILE, rules

TEXT = RULES_FILE.read_text()


def problems(folder: Path, text: str) -> list[tuple[str, str]]:
    path = folder / "rules.toml"
    path.write_text(text)
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    assert all(problem.file == str(path) for problem in caught.value.problems)
    return [(problem.key, problem.reason) for problem in caught.value.problems]


def test_each_default_is_marked_as_a_placeholder() -> None:
    values = [line for line in TEXT.splitlines() if re.match(r"[a-z0-9_]+ += ", line)]
    unmarked = [line for line in values if "# placeholder" not in line]
    assert [line.split(" = ")[0] for line in unmarked] == ["name", "version"]


def test_the_defaults_are_unsigned() -> None:
    assert rules().signatures == ()


@pytest.mark.parametrize(
    ("was", "becomes", "key", "reason"),
    [
        ("minimum = 0.5", "minimum = 1.5", "quality.minimum", "<= 1.0"),
        ("minimum = 0.5", 'minimum = "0.5"', "quality.minimum", "got `str`"),
        ("minimum = 0.5", "minimal = 0.5", "quality.minimal", "unknown field `minimal`"),
        (
            "wait_at_most_min = 10",
            "wait_at_most_min = 15",
            "confirmation.wait_at_most_min",
            "<= 10",
        ),
        ("unanswered_s = 60", "unanswered_s = 600", "call.unanswered_s", "<= 60"),
        ("floor_pct = 87", "floor_pct = 92", "spo2_scale_1.floor_pct", "92 is above"),
        (
            "pulse_yellow_bpm = 111",
            "pulse_yellow_bpm = 140",
            "vitals.pulse_yellow_bpm",
            "140 is above",
        ),
        ("[120, 300]", "[300, 120]", "escalation.red_after_s", "must rise"),
        ('["A", "B", "C"]', '["A", "x"]', "support.fev1_grades[1]", "regex"),
        ('version = "1.0.0"', 'version = "one"', "version", "regex"),
        ("[quality]", "[quality", "", "line"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, was: str, becomes: str, key: str, reason: str
) -> None:
    assert was in TEXT
    found = problems(tmp_path, TEXT.replace(was, becomes, 1))
    assert [name for name, _ in found] == [key]
    assert reason in found[0][1]


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    text = re.sub(r"minimum = .*\n", "", TEXT, count=1)
    assert problems(tmp_path, text) == [
        ("quality", "Object missing required field `minimum`"),
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="No such file"):
        load_rules(tmp_path / "none.toml")


def test_a_signature_holds_for_one_content_only(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    signature = (
        f'\n[[signature]]\ndigest = "{rules().digest}"\ndoctor = "Testlege 1"\n'
        "signed_at = 2026-11-22T12:00:00Z\n"
    )
    path.write_text(TEXT + signature)
    (mark,) = load_rules(path).signatures
    assert mark.doctor == "Testlege 1"
    path.write_text(TEXT.replace("floor_pct = 83", "floor_pct = 82") + signature)
    assert load_rules(path).signatures == ()


def test_comments_and_order_do_not_change_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(re.sub(r" +#.*", "", TEXT))
    assert load_rules(path).digest == rules().digest
