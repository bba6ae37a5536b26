"""The days at home and the VIP card, as commands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_patient_settings import Centre

BY = ("--by", "testpleier")


class Agreeing(Centre):
    """The centre with one patient, and what is agreed with the patient."""

    def home(self, *options: str, exit_code: int = 0) -> Any:
        return self("hub", "patient", "home", self.patient, *options, exit_code=exit_code)

    def card(self, *options: str, exit_code: int = 0) -> Any:
        return self("hub", "patient", "card", self.patient, *options, exit_code=exit_code)


@pytest.fixture(name="centre")
def fixture_centre(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Agreeing]:
    centre = Agreeing(tmp_path, capfd)
    yield centre
    centre.site.engine.dispose()


def test_schedule_and_language_are_set_one_by_one_and_remembered(centre: Agreeing) -> None:
    assert centre.home() == {"language": None, "schedule": []}
    centre.home("--language", "nn", *BY)
    rounds = ("--at", "19:00/questions/mon-fri", "--at", "09:00")
    expected = {
        "language": "nn",
        "schedule": ["09:00/blow,questions", "19:00/questions/mon,tue,wed,thu,fri"],
    }
    assert centre.home(*rounds, *BY) == expected
    assert centre.home() == expected
    assert centre.home("--any-time", "--language", "box", *BY) == {"language": None, "schedule": []}
    history = centre.home("--history")
    assert [one["language"] for one in history] == [None, "nn", "nn"]
    assert {one["by"] for one in history} == {"testpleier"}


def test_what_cannot_be_is_refused_with_a_next_step(centre: Agreeing) -> None:
    centre.home("--at", "25:00", *BY, exit_code=2)
    assert "25:00" in centre.error["error"]
    centre.home("--at", "09:00", exit_code=2)
    assert "who agreed" in centre.error["error"]
    centre("hub", "patient", "home", "p-nobody", exit_code=2)
    assert "no patient" in centre.error["error"]
    centre.home("--at", "09:00", "--any-time", *BY, exit_code=2)


def test_the_card_is_written_and_corrected_field_by_field(centre: Agreeing) -> None:
    assert centre.card() is None
    centre.card("--ward", "2G", "--fast-track", *BY)
    card = centre.card("--contact", "51 00 00 00", *BY)["card"]
    assert card == {"fast_track": True, "preferred_ward": "2G", "plan_contact": "51 00 00 00"}
    assert centre.card("--common-way", *BY)["card"]["fast_track"] is False
    assert centre.card()["display_name"] == "testpleier"
    centre.card("--ward", "3A", exit_code=2)
    assert "--by" in centre.error["error"]
