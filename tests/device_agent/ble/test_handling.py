"""`koffert agent scan`, `pair`, `devices`, `unpair` and `meters clear` as the commands that ship."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from koffert_agent.ble.book import MeterBook, PairedMeter
from tests.support.bluez import Bluez, simulated_radio
from tests.support.bluez_meter import Meter

ADDRESS, STRANGER = "00:00:5E:00:53:10", "00:00:5E:00:53:99"
Koffert = Callable[..., Awaitable[tuple[int, list[dict[str, Any]], dict[str, Any]]]]
Play = Callable[..., None]


@pytest.fixture(name="play")
def fixture_play(tmp_path: Path) -> Play:
    config = tmp_path / "agent.toml"
    config.write_text('data_dir = "data"\n')

    async def koffert(*arguments: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
        """Exit code, JSON lines of stdout, the JSON error if any."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "koffert_cli", "agent", *arguments),
            *("--config", str(config), "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        lines = [json.loads(line) for line in out.splitlines()]
        last = err.splitlines()[-1] if err else b"{}"
        return process.returncode or 0, lines, json.loads(last) if last[:1] == b"{" else {}

    def play(scenario: Callable[[Koffert, Bluez], Awaitable[None]], *meters: Meter) -> None:
        async def main() -> None:
            async with asyncio.timeout(200), simulated_radio(tmp_path, *meters) as bluez:
                await scenario(koffert, bluez)

        asyncio.run(main())

    return play


def test_a_meter_is_found_paired_listed_and_struck_out(play: Play) -> None:
    meter = Meter("nonin-ble", ADDRESS, "Nonin3230_500001", needs_bond=True, passkey=123456)

    async def scenario(koffert: Koffert, bluez: Bluez) -> None:
        _code, found, _error = await koffert("scan", "--for", "2")
        assert [(each["address"], each["driver"]) for each in found] == [(ADDRESS, "nonin-ble")]
        code, _lines, error = await koffert("pair", ADDRESS)
        assert code == 1
        assert error["error"] == "it wants to be paired again"
        code, (paired,), _error = await koffert("pair", ADDRESS.lower(), "--passkey", "123456")
        assert code == 0
        assert paired["serial"] == "005310"
        assert bluez.bonds == {ADDRESS}
        _code, (listed,), _error = await koffert("devices")
        assert listed["paired"]["driver"] == "nonin-ble"
        assert listed["status"] is None
        assert (await koffert("unpair", ADDRESS))[0] == 0
        assert not bluez.bonds
        assert (await koffert("unpair", ADDRESS))[0] == 2

    play(scenario, meter)


def test_what_goes_wrong_is_said_in_words(play: Play) -> None:
    stranger = Meter("viatom-pc60fw", STRANGER, "Lamp")

    async def scenario(koffert: Koffert, _: Bluez) -> None:
        assert not (await koffert("scan", "--for", "0.5"))[1]
        assert len((await koffert("scan", "--for", "2", "--all"))[1]) == 1
        code, _lines, error = await koffert("pair", ADDRESS, "--for", "0.5")
        assert (code, error["error"]) == (1, "not heard; it may be off or out of reach")
        code, _lines, error = await koffert("pair", STRANGER)
        assert (code, error["error"]) == (2, "no driver knows Lamp")
        code, _lines, error = await koffert("pair", STRANGER, "--driver", "plx")
        assert code == 1
        assert "not as the kind of meter" in error["error"]

    play(scenario, stranger)


def test_no_bluetooth_is_said_in_words(play: Play) -> None:
    async def scenario(koffert: Koffert, bluez: Bluez) -> None:
        await bluez.unplug_adapter()
        code, _lines, error = await koffert("scan", "--for", "0.5")
        assert (code, error["error"]) == (1, "Bluetooth is off, or its adapter is not plugged in")

    play(scenario)


def test_the_memories_of_all_meters_are_cleared(play: Play, tmp_path: Path) -> None:
    storing = Meter("plx", ADDRESS, "Oximeter", stored=[b"\x00\x61\x00\x48\x00"] * 3)
    away = Meter("plx", STRANGER, "Oximeter", advertising=False)
    (tmp_path / "data").mkdir()
    for meter in (storing, away):
        MeterBook(tmp_path / "data").add(PairedMeter(meter.address, meter.driver))

    async def scenario(koffert: Koffert, _: Bluez) -> None:
        code, results, _error = await koffert("meters", "clear", "--for", "3")
        assert code == 1
        assert [each["clearance"] for each in results] == ["cleared", "failed"]
        assert not storing.stored

    play(scenario, storing, away)
