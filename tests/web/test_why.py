"""Whatever alerts can be, each page has words for it in each language: driven by the rules and the enums themselves."""

import re
from pathlib import Path

import pytest

import koffert_hub.alerts
from koffert_hub.alerts import records
from koffert_hub.alerts.history import Unconfirmed
from koffert_hub.alerts.records import Alert, Priority
from koffert_hub.alerts.technical import ON_WARD, Fault, alert_of
from koffert_hub.alerts.texts import SENTENCES, in_nynorsk
from koffert_hub.alerts.waiting import ward_alert
from koffert_hub.live import Mark
from koffert_hub.technical_alerts import Cause
from koffert_hub.web.catalogue import LANGUAGES, load_catalogues
from koffert_hub.web.context import sentence

RULES_FOLDER = Path(koffert_hub.alerts.__file__).parent
# Where findings are put together; the keys of their dictionaries are the names.
_FOUND_IN = ("vitals.py", "trend.py", "support.py", "engine.py", "absence.py")
CATALOGUES = load_catalogues()


def names() -> set[str]:
    """What sentences name, and what stands beside it."""
    told = {
        name
        for sentence in SENTENCES.values()
        for name in re.findall(r"{(\w+)}", sentence.nb + sentence.en)
    }
    beside = {
        name
        for file in _FOUND_IN
        for name in re.findall(r'"([a-z0-9_]+)": ', (RULES_FOLDER / file).read_text())
    }
    return (told | beside) - {"grounds", "nb", "en"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_and_every_number_has_words(language: str) -> None:
    texts = CATALOGUES[language].texts
    assert [rule for rule in SENTENCES if f"client.why.of.{rule}" not in texts] == []
    assert sorted(name for name in names() if f"client.why.name.{name}" not in texts) == []


@pytest.mark.parametrize("rule", SENTENCES)
def test_every_rule_has_a_sentence_in_each_language(rule: str) -> None:
    """With the same numbers in it, and in nynorsk not by falling back to bokmål."""
    told = SENTENCES[rule]
    assert len({frozenset(re.findall(r"{(\w+)}", template)) for template in told}) == 1
    inputs: dict[str, records.Number] = dict.fromkeys(re.findall(r"{(\w+)}", told.nb), 7)
    inputs |= {name: "fever" for name in ("symptoms", "vitals_off", "support") if name in told.nb}
    alert = Alert(0, Priority.RED, "a", rule, "1", inputs, {}, {}, "bokmål", "English")
    assert sentence(alert, "nn").endswith(f"(regel {rule} 1).")
    assert [sentence(alert, language) for language in ("nb", "en")] == ["bokmål", "English"]


def test_a_rule_of_another_time_keeps_its_sentence() -> None:
    alert = Alert(0, Priority.RED, "a", "long-gone", "0", {}, {}, {}, "bokmål", "English")
    assert in_nynorsk(alert) == "bokmål"
    alert.rule = "pulse-high-single"
    assert in_nynorsk(alert) == "bokmål"


@pytest.mark.parametrize("cause", ON_WARD)
def test_every_fault_that_the_ward_is_told_of_has_words(cause: Cause) -> None:
    alert = alert_of(Fault("l-1", cause, 0, told=False), "1")
    for language in LANGUAGES:
        assert "{" not in sentence(alert, language)


@pytest.mark.parametrize(
    "cause",
    [
        records.SPO2_LOW,
        records.PULSE_LOW,
        records.PULSE_HIGH,
        records.RESPIRATORY_RATE_LOW,
        records.RESPIRATORY_RATE_HIGH,
        records.CALL_BUTTON,
    ],
)
def test_what_waits_is_said_in_each_language(cause: str) -> None:
    reason = ward_alert(Unconfirmed("p-1", cause, 82.0, 0, 600_000, "l-1", "r-1")).reason
    assert set(reason) == set(LANGUAGES)
    assert all(cause == records.CALL_BUTTON or "82" in said for said in reason.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_has_a_word_on_each_page(language: str) -> None:
    texts = CATALOGUES[language].texts
    wanted = [f"client.state.{priority}" for priority in Priority]
    wanted += [f"client.mark.{mark}" for mark in Mark]
    wanted += [f"log.alarm.{cause}" for cause in (Cause.HUB_SILENT, Cause.HUB_CONTRADICTS)]
    assert [key for key in wanted if key not in texts] == []
