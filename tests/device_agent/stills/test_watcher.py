"""A file in the watched folder becomes a document in the outbox: whole, once, and only then it moves."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import Draft, OutboxError, OutboxReason, Quota, Row
from koffert_agent.stills.folder import StillFolder
from koffert_agent.stills.settling import Stamp
from koffert_agent.stills.watcher import still_parts
from koffert_drivers.stills.bundle import read_document
from koffert_drivers.stills.records import EcgStill, Format
from koffert_wire.documents import PART_BYTES
from tests.device_agent.stills.support import Cart, cart
from tests.drivers.stills.samples import beats, scp, tiff

STILL = scp(beats(size=5_000))
HEADER = b"ecg 1 500 4\necg.dat 16 200/mV 16 0 0 6 0 II\n"
SIGNALS = bytes((0, 0, 1, 0, 2, 0, 3, 0))
# A name as carts make them: it must stand in no log.
NAME = "NORDMANN_OLA_010150.scp"


def run(tmp_path: Path, scenario: Callable[[Cart], Awaitable[None]], **settings: Quota) -> None:
    async def inside() -> None:
        async with cart(tmp_path, **settings) as box:
            await scenario(box)

    asyncio.run(inside())


def test_a_still_is_queued_in_small_parts_and_moves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario(box: Cart) -> None:
        box.leave(f"ward/{NAME}", STILL)
        await box.look()
        assert await box.parts() == []
        assert await box.look_twice()
        parts = await box.parts()
        assert await box.documents() == [STILL]
        assert len(parts) > 1
        assert max(len(part.content) for part in parts) == PART_BYTES
        assert {(part.kind, part.size_bytes) for part in parts} == {("scp-ecg", len(STILL))}
        assert (box.waiting(), box.put_away("done")) == (set(), {NAME})

    run(tmp_path, scenario)
    assert "a still is queued" in caplog.text
    assert "NORDMANN" not in caplog.text


def test_a_file_that_still_grows_waits(tmp_path: Path) -> None:
    async def scenario(box: Cart) -> None:
        for end in (1_000, 2_000, 3_000):
            box.leave("a.scp", STILL[:end])
            await box.look()
        assert await box.parts() == []
        box.leave("a.scp", STILL)
        await box.look_twice()
        assert await box.documents() == [STILL]

    run(tmp_path, scenario)


def test_a_copy_that_stands_still_for_a_moment_is_not_called_damaged(tmp_path: Path) -> None:
    async def scenario(box: Cart) -> None:
        box.leave("a.scp", STILL[:2_000])
        await box.look_twice()
        assert box.waiting() == {"a.scp"}
        box.leave("a.scp", STILL)
        await box.look_twice()
        assert await box.documents() == [STILL]

    run(tmp_path, scenario)


def test_a_damaged_file_is_set_aside_with_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(box: Cart) -> None:
        broken = bytearray(STILL)
        broken[700] ^= 1
        box.leave(NAME, bytes(broken))
        await box.look_for_long()
        assert await box.parts() == []
        assert box.put_away("quarantine") == {NAME, "reason.txt"}
        (reason,) = (box.root / "quarantine").rglob("reason.txt")
        assert reason.read_text().startswith("damaged: ")

    run(tmp_path, scenario)
    assert "set aside" in caplog.text
    assert "NORDMANN" not in caplog.text


def test_the_same_still_twice_is_one_document(tmp_path: Path) -> None:
    async def scenario(box: Cart) -> None:
        box.leave("a.scp", STILL)
        await box.look_twice()
        count = len(await box.parts())
        box.leave("again.scp", STILL)
        await box.start_again().look_twice()
        assert len(await box.parts()) == count
        assert box.put_away("done") == {"a.scp", "again.scp"}

    run(tmp_path, scenario)


def test_another_patient_is_not_denied_a_still(tmp_path: Path) -> None:
    async def scenario(box: Cart) -> None:
        box.leave("a.scp", STILL)
        await box.look_twice()
        count = len(await box.parts())
        box.leave("a.scp", STILL)
        await box.start_again("loan-2").look_twice()
        assert len(await box.parts()) == 2 * count

    run(tmp_path, scenario)


def test_a_crash_before_the_move_loses_nothing_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(box: Cart) -> None:
        box.leave("a.scp", STILL)
        with monkeypatch.context() as broken:
            broken.setattr(StillFolder, "finish", _no_space)
            with pytest.raises(OSError, match="No space"):
                await box.look_twice()
        assert box.waiting() == {"a.scp"}
        await box.start_again().look_twice()
        assert await box.documents() == [STILL]
        assert box.waiting() == set()

    run(tmp_path, scenario)


def test_a_crash_between_two_parts_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(box: Cart) -> None:
        monkeypatch.setattr("koffert_agent.stills.watcher._PARTS_PER_COMMIT", 1)
        box.leave("a.scp", STILL)
        with monkeypatch.context() as broken:
            broken.setattr(Outbox, "append", _once(Outbox.append))
            with pytest.raises(OutboxError):
                await box.look_twice()
        assert len(await box.parts()) == 1
        assert box.waiting() == {"a.scp"}
        await box.start_again().look_twice()
        assert await box.documents() == [STILL]

    run(tmp_path, scenario)


def test_a_read_only_stick_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(box: Cart) -> None:
        monkeypatch.setattr(StillFolder, "finish", _no_space)
        box.leave("a.scp", STILL)
        with pytest.raises(OSError, match="No space"):
            await box.look_twice()
        count = len(await box.parts())
        await box.look_twice()
        assert len(await box.parts()) == count

    run(tmp_path, scenario)


def test_a_full_outbox_leaves_the_still_where_it_is(tmp_path: Path) -> None:
    async def scenario(box: Cart) -> None:
        box.leave("a.scp", STILL)
        assert not await box.look_twice()
        assert box.waiting() == {"a.scp"}

    run(tmp_path, scenario, quota=Quota(2_048, 512))


@pytest.mark.parametrize("name", ["ecg.dat", "ecg.xyz"])
def test_a_recording_in_two_files_waits_for_the_second_and_travels_as_one(
    tmp_path: Path, name: str
) -> None:
    """Whichever of them is met first."""

    async def scenario(box: Cart) -> None:
        box.leave("ecg.hea", HEADER.replace(b"ecg.dat", name.encode()))
        await box.look_for_long()
        assert box.waiting() == {"ecg.hea"}
        box.leave(name, SIGNALS)
        await box.look_twice()
        (document,) = await box.documents()
        still = read_document(document)
        assert isinstance(still, EcgStill)
        assert (still.format, still.lead("II").samples.tolist()) == (Format.WFDB, [0, 1, 2, 3])
        assert box.put_away("done") == {"ecg.hea", name}

    run(tmp_path, scenario)


def test_a_still_on_which_a_reader_fails_goes_to_the_centre_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(content: bytes) -> None:
        raise KeyError(content)

    async def scenario(box: Cart) -> None:
        monkeypatch.setattr("koffert_agent.stills.judging.read_still", failing)
        box.leave("a.scp", b"NORDMANN")
        assert await box.look_twice()
        assert await box.documents() == [b"NORDMANN"]

    run(tmp_path, scenario)
    assert "KeyError" in caplog.text
    assert "NORDMANN" not in caplog.text


def test_a_file_that_cannot_be_read_keeps_no_other_from_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = StillFolder.read

    def reading(folder: StillFolder, path: Path, stamp: Stamp) -> bytes | None:
        if path.name == NAME:
            raise PermissionError(13, "Permission denied", str(path))
        return read(folder, path, stamp)

    async def scenario(box: Cart) -> None:
        monkeypatch.setattr(StillFolder, "read", reading)
        box.leave(NAME, STILL)
        box.leave("z.scp", STILL)
        assert await box.look_twice()
        assert await box.look_twice()
        assert await box.documents() == [STILL]
        assert box.waiting() == {NAME}

    run(tmp_path, scenario)
    assert caplog.text.count("Permission denied") == 1
    assert "NORDMANN" not in caplog.text


def test_pages_are_taken_and_what_is_no_still_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario(box: Cart) -> None:
        box.leave("page.tif", tiff(2))
        box.leave("holiday.jpg", b"\xff\xd8\xff\xe0 no still")
        (box.root / "elsewhere").symlink_to(tmp_path)
        (box.root / "link.scp").symlink_to(tmp_path / "o.sqlite3")
        os.mkfifo(box.root / "pipe.scp")
        await box.look_for_long()
        await box.look_for_long()
        assert [part.media_type for part in await box.parts()] == ["image/tiff"]
        assert box.waiting() == {"holiday.jpg"}

    run(tmp_path, scenario)
    assert caplog.text.count("left alone") == 1


def test_an_unlent_box_takes_no_still(tmp_path: Path) -> None:
    async def scenario(box: Cart) -> None:
        watcher, clock = box._watcher, box._clock
        sealer = watcher._sealer
        assert still_parts((box.root,), box.outbox, sealer, None, clock) == []
        assert not box.root.exists()
        (part,) = still_parts((box.root,), box.outbox, sealer, "loan-1", clock)
        assert part.name == "stills 1"
        assert box.root.is_dir()

    run(tmp_path, scenario)


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _once(
    append: Callable[[Outbox, list[Draft]], Awaitable[list[Row]]],
) -> Callable[[Outbox, list[Draft]], Awaitable[list[Row]]]:
    """An outbox whose disk breaks at the second commit."""
    calls = 0

    async def appending(outbox: Outbox, drafts: list[Draft]) -> list[Row]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OutboxError(OutboxReason.DISK, "input/output error")
        return await append(outbox, drafts)

    return appending
