"""Errors and exit codes of every command."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest

from koffert_cli import output
from koffert_cli.main import main


@click.group(cls=output.CommandGroup)
def sample() -> None:
    """Sample."""


@sample.command()
@output.json_option
@click.argument("count", type=int)
def count(*, as_json: bool, count: int) -> None:
    """Count."""
    if count < 0:
        raise output.UserError("no such count", probable_cause="a minus sign", next_step="count 1")
    if count == 99:
        raise KeyboardInterrupt
    if as_json:
        output.print_json({"count": count})


class Terminal:
    """Stand for a terminal in front of captured output."""

    @staticmethod
    def isatty() -> bool:
        return True


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as stopped:
        sample.main(arguments, "sample")
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_result_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count", "3", "--json"]) == output.EXIT_OK
    assert capsys.readouterr() == ('{"count":3}\n', "")


def test_error_for_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count", "--json", "--", "-1"]) == output.EXIT_BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err) == {
        "error": "no such count",
        "probable_cause": "a minus sign",
        "next_step": "count 1",
    }


def test_error_for_a_person(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", Terminal.isatty, raising=False)
    assert run(["count", "--", "-1"]) == output.EXIT_BAD_INPUT
    assert capsys.readouterr().err == (
        "Error: no such count\n  Why: a minus sign\n  Try: count 1\n"
    )


def test_usage_error_names_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count", "many", "--json"]) == output.EXIT_BAD_INPUT
    assert json.loads(capsys.readouterr().err)["next_step"] == "sample count --help"


def test_interrupt_ends_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count", "99"]) == output.EXIT_INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err


def test_the_root_alone_shows_the_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main.main([], "koffert")
    assert stopped.value.code == output.EXIT_OK
    assert "Not a medical device" in capsys.readouterr().out


def test_a_reader_that_goes_away_gets_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = "from koffert_cli.main import main; main()"
    try:
        run = subprocess.run(
            [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writer)
    assert run.returncode == output.EXIT_FAILED
    assert run.stderr == b""
