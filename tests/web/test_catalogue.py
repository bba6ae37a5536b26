"""Texts: every language has all of them, and every text that is asked for exists."""

import re
from pathlib import Path

import pytest

from koffert_hub.web.catalogue import LANGUAGES, load_catalogues

_ROOT = Path(__file__).parents[2]
_PLACEHOLDER = re.compile(r"\{\w+\}")
CATALOGUES = load_catalogues()


def _sources() -> str:
    web = _ROOT / "hub" / "koffert_hub" / "web"
    files = [*(web / "templates").glob("*.html"), *web.glob("*.py")]
    files += (_ROOT / "hub" / "web" / "src").rglob("*.ts")
    return "\n".join(file.read_text("utf-8") for file in files)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text_with_the_same_places_to_fill(language: str) -> None:
    nb, other = CATALOGUES["nb"].texts, CATALOGUES[language].texts
    assert set(other) == set(nb)
    for key, text in other.items():
        assert text.strip() == text != "", key
        assert sorted(_PLACEHOLDER.findall(text)) == sorted(_PLACEHOLDER.findall(nb[key])), key


def test_every_text_is_used() -> None:
    sources = _sources()
    unused = [key for key in CATALOGUES["nb"].texts if not _mentioned(key, sources)]
    assert unused == []


def test_every_text_that_a_template_asks_for_exists() -> None:
    asked = set(re.findall(r"\bt\('([a-z0-9_.]+)'\s*[,)]", _sources()))
    assert asked <= set(CATALOGUES["nb"].texts)


def test_every_text_that_the_script_asks_for_exists() -> None:
    asked = set(re.findall(r'\b(?:text|counted)\((?:this\.#)?texts, "([a-z_.]+)"', _sources()))
    known = CATALOGUES["nb"].for_script()
    missing = [key for key in asked if key not in known and f"{key}.other" not in known]
    assert missing == []


def _mentioned(key: str, sources: str) -> bool:
    """Whether the key, or the part of it that the code completes, stands in a source."""
    plain = key.removeprefix("client.").removesuffix(".one").removesuffix(".other")
    stem = plain.rpartition(".")[0]
    completed = (f"`{stem}.$", f"'{stem}.' ~", f"'{stem}.{{")
    in_error = plain.startswith("error.") and "'error.' ~" in sources
    return plain in sources or in_error or any(form in sources for form in completed)
