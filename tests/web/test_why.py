"""«Hvorfor?» has words for every rule and every number that an alert can rest on, in each language."""

import re
from pathlib import Path

import pytest

import koffert_hub.alerts
from koffert_hub.alerts.texts import SENTENCES
from koffert_hub.web.catalogue import LANGUAGES, load_catalogues

RULES_FOLDER = Path(koffert_hub.alerts.__file__).parent
# Where findings are put together; the keys of their dictionaries are the names.
_FOUND_IN = ("vitals.py", "trend.py", "support.py", "engine.py", "absence.py")


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
    texts = load_catalogues()[language].texts
    assert [rule for rule in SENTENCES if f"client.why.of.{rule}" not in texts] == []
    assert sorted(name for name in names() if f"client.why.name.{name}" not in texts) == []
