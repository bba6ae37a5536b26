"""The small pure parts: table, staffing hours, measuring, settings, spoken sentences."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_agent.kiosk.catalogue import load_catalogue
from koffert_agent.kiosk.duty import easter_sunday, is_holiday, is_staffed
from koffert_agent.kiosk.flow import Event, Flow, Step, advance, buttons_of
from koffert_agent.kiosk.measuring import Result, Watch, is_low, listen, observe
from koffert_agent.kiosk.records import Numbers
from koffert_agent.kiosk.settings import (
    KioskSettings,
    KioskSettingsError,
    load_kiosk_settings,
)
from koffert_agent.kiosk.speech import NoVoiceError, Speaker, clip_name, render, sentences
from koffert_wire.commands import Hours, Staffing
from tests.device_agent.kiosk.patient import OFFICE_HOURS, TOLD

RESULT = Result(91, 82, b"r")


def numbers(spo2_pct: float | None, *flags: str, spot: bool = False) -> Numbers:
    return Numbers(b"r", "m", spo2_pct, 70, 0.0 if spo2_pct is None else 1.0, flags, spot)


@given(st.lists(st.sampled_from([event for event in Event if event is not Event.LEFT])))
def test_from_everywhere_there_is_a_way_on_and_never_more_than_two_buttons(
    events: list[Event],
) -> None:
    flow = Flow()
    for event in events:
        flow = advance(flow, event, RESULT if event in {Event.STEADY, Event.TOO_LOW} else None)
    buttons = buttons_of(flow.step)
    assert len(buttons) <= 2
    assert buttons or flow.step in {Step.HOLD, Step.PAUSE}
    assert flow.result is None or flow.step is not Step.GREETING


def test_from_every_step_there_is_a_way_back_to_the_greeting() -> None:
    for step in Step:
        reached, fresh = {step}, [Flow(step=step)]
        while fresh:
            flow = fresh.pop()
            for event in Event:
                moved = advance(flow, event, RESULT) if event is not Event.LEFT else flow
                if moved.step not in reached:
                    reached.add(moved.step)
                    fresh.append(moved)
        assert Step.GREETING in reached, step


def test_easter_is_where_the_almanac_has_it() -> None:
    almanac = {2000: (4, 23), 2024: (3, 31), 2025: (4, 20), 2026: (4, 5), 2027: (3, 28)}
    almanac |= {1954: (4, 18), 1981: (4, 19), 2049: (4, 18), 2076: (4, 19), 2038: (4, 25)}
    for year, (month, day) in almanac.items():
        assert easter_sunday(year) == date(year, month, day)
    assert all(
        is_holiday(date(2026, *day)) for day in [(4, 2), (4, 3), (4, 6), (5, 14), (5, 25), (5, 17)]
    )
    assert not is_holiday(date(2026, 4, 7))


@pytest.mark.parametrize(
    ("moment", "staffed"),
    [
        ("2026-11-23T07:30:00", True),  # Monday 08:30 in Oslo
        ("2026-11-23T06:59:00", False),
        ("2026-11-23T14:30:00", False),
        ("2026-11-22T10:00:00", False),  # Sunday
        ("2026-07-01T06:30:00", True),  # summer time: 08:30
        ("2026-12-25T10:00:00", False),
        ("2026-03-29T00:59:59", False),  # 01:59:59, a second before summer time
        ("2026-03-30T06:00:00", True),  # 08:00 on the morning after
        ("2026-10-23T14:00:00", False),  # 16:00, still summer time
        ("2026-10-26T14:00:00", True),  # 15:00, winter time
    ],
)
def test_staffing_hours_are_those_of_the_wall_in_oslo(moment: str, *, staffed: bool) -> None:
    wall_ms = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1000)
    assert is_staffed(OFFICE_HOURS, wall_ms, trusted=True) is staffed
    assert not is_staffed(OFFICE_HOURS, wall_ms, trusted=False)
    assert not is_staffed(None, wall_ms, trusted=True)


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 5),
            st.one_of(st.none(), st.integers(40, 100)),
            st.sampled_from([(), ("artefact",), ("no-finger",), ("low-battery",)]),
        )
    )
)
def test_a_result_rests_on_ten_good_unbroken_seconds(
    seconds: list[tuple[float, int | None, tuple[str, ...]]],
) -> None:
    watch, now_s, good = Watch(), 0.0, 0
    for gap_s, spo2_pct, flags in seconds:
        now_s += gap_s
        watch = observe(watch, numbers(spo2_pct, *flags), now_s)
        usable = spo2_pct is not None and not {"artefact", "no-finger"} & set(flags)
        good = good + 1 if usable else 0
        result = watch.result()
        assert len(watch.steady) <= good
        if result is not None:
            row = [sample.spo2_pct for sample in watch.steady]
            assert max(row) - min(row) <= 3
            assert min(row) <= result.spo2_pct <= max(row)
            assert watch.steady[-1].at_s - watch.steady[0].at_s >= 10
            assert all(
                later.at_s - earlier.at_s <= 3
                for earlier, later in zip(watch.steady, watch.steady[1:], strict=False)
            )


def test_a_spot_meter_has_done_its_own_waiting() -> None:
    assert observe(Watch(), numbers(93, spot=True), 100).result() == Result(93, 70, b"r")


def test_a_silent_meter_holds_no_finger() -> None:
    watch = observe(Watch(), numbers(93), 100)
    assert listen(watch, 105).finger
    assert not listen(watch, 107).finger


def test_a_round_the_clock_centre_watches_both_nights_that_change_the_clock() -> None:
    always: Staffing = (Hours(0, 1440),) * 8
    for night in ("2026-03-28T22:00:00+00:00", "2026-10-24T21:00:00+00:00"):
        start_ms = int(datetime.fromisoformat(night).timestamp() * 1000)
        for minute in range(0, 8 * 60, 10):
            assert is_staffed(always, start_ms + minute * 60_000, trusted=True)


@pytest.mark.parametrize(
    ("spo2_pct", "pulse_bpm", "low"),
    [
        (83, 80, True),
        (84, 80, False),
        (90, 40, True),
        (90, 41, False),
        (90, 131, True),
        (90, 130, False),
        (90, None, False),
    ],
)
def test_what_is_taken_again_is_what_the_rules_call_red(
    spo2_pct: int, pulse_bpm: int | None, *, low: bool
) -> None:
    assert is_low(Result(spo2_pct, pulse_bpm, b""), TOLD) is low


def test_without_a_word_of_the_hub_one_reading_too_many_is_asked_for() -> None:
    assert is_low(Result(87, 80, b""), None)
    assert not is_low(Result(88, 80, b""), None)
    assert is_low(Result(95, 131, b""), None)


def test_settings_need_no_identity_and_faults_are_said_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('data_dir = "data"\n[kiosk]\nlanguage = "sv"\n')
    with pytest.raises(KioskSettingsError, match=r"agent.toml:3: .*language"):
        load_kiosk_settings(file)
    file.write_text('data_dir = "data"\n[hub]\nhost = "elsewhere"\n[kiosk]\nvoices = "v"\n')
    place = load_kiosk_settings(file)
    assert (place.data_dir, place.voices) == (tmp_path / "data", tmp_path / "v")
    assert place.settings == KioskSettings(voices="v")
    file.unlink()
    with pytest.raises(KioskSettingsError, match="No such file"):
        load_kiosk_settings(file)


def test_every_sentence_has_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = list(sentences(load_catalogue("nb"), "51 00 00 00"))
    assert (
        "Vi får ikke kontakt. Ring 51\N{NO-BREAK SPACE}00\N{NO-BREAK SPACE}00\N{NO-BREAK SPACE}00."
        in said
    )
    assert {"91 prosent.", "Puls 82."} <= set(said)
    assert not any("{" in sentence for sentence in said)
    assert len({clip_name(sentence) for sentence in said}) == len(set(said))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoVoiceError):
        render(tmp_path / "voices", "nb", said)


def test_what_no_file_holds_is_spoken_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program itself is tried by hand (docs/explanation/kiosk.md): here one that says back what it was told."""
    program = tmp_path / "espeak-ng"
    program.write_text('#!/bin/sh\nprintf "RIFF %s" "$*"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    voices = tmp_path / "voices"
    assert Speaker(voices).clips(["Hei."], "nb") == []
    voices.mkdir()
    (voices / clip_name("Takk.")).write_bytes(b"recorded")
    speaker = Speaker(voices)
    names = speaker.clips(["Takk.", "--help"], "nn")
    assert [speaker.sound_of(name) for name in names] == [
        b"recorded",
        b"RIFF -v nb -s 140 --stdout -- --help",
    ]
    assert speaker.sound_of("../agent.toml") is None
    speaker.clips(["Takk."], "nb")
    assert speaker.sound_of(names[1]) is None  # it has left the screen
