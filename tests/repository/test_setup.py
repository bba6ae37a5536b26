"""Set-up does a step once, again when its inputs change, and never claims what it did not do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import setup


@pytest.fixture(autouse=True)
def own_stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "CACHE", tmp_path / "cache")


def step(source: Path, output: Path, run: Callable[[], str | None]) -> setup.Step:
    return setup.Step("sample", "a sample", lambda: [source.read_bytes()], lambda: [output], run)


def test_step_is_repeated_only_for_new_inputs_or_lost_outputs(tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    source.write_text("one")
    sample = step(source, output, output.touch)
    assert not sample.is_done()
    assert sample.perform() is None
    assert sample.is_done()
    source.write_text("two")
    assert not sample.is_done()
    sample.perform()
    output.unlink()
    assert not sample.is_done()


def test_undone_step_says_so_each_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "source"
    source.touch()
    sample = step(source, source, lambda: "not here")
    assert setup.set_up((sample,)) == ["not here"]
    assert setup.set_up((sample,)) == ["not here"]
    assert "[1/1] a sample … not here" in capsys.readouterr().out


def test_step_without_its_output_has_failed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.touch()
    with pytest.raises(setup.SetupError, match="is absent"):
        step(source, tmp_path / "never", lambda: None).perform()
    assert not setup.CACHE.exists()


def test_inputs_are_told_apart_by_name_and_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    (tmp_path / "a").write_text("x")
    before = list(setup.content("*")())
    (tmp_path / "a").rename(tmp_path / "b")
    assert list(setup.content("*")()) != before
