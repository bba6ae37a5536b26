"""Loans come and go, files get damaged: what was promised is still sent."""

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

from koffert_agent.outbox.folder import OutboxFolder, outbox_name
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import OutboxError, Row
from koffert_agent.outbox.salvage import replace_damaged
from koffert_wire.downlink import Receipt
from koffert_wire.topics import Lane
from tests.device_agent.support import QUOTA, ManualClock, make_reading, make_sealer

EVERYTHING = 2**62
PAGE_BYTES = 4096


class Fixture:
    """A folder that is opened and closed again and again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.stack = contextlib.AsyncExitStack()

    async def open(self, loan: str | None = "loan-1") -> list[Outbox]:
        await self.stack.aclose()
        folder = OutboxFolder(self.path, QUOTA, make_sealer(self.clock).report, self.clock)
        return await folder.open(self.stack, loan)

    async def fill(self, outbox: Outbox, count: int) -> set[bytes]:
        sealer = make_sealer(self.clock)
        drafts = [sealer.draft(Lane.VITALS, [make_reading(self.clock)]) for _ in range(count)]
        return {row.id for row in await outbox.append(drafts)}


async def queued(outbox: Outbox) -> set[bytes]:
    return {row.id for row in (await outbox.queued(Lane.VITALS, 0, EVERYTHING, 10_000)).rows}


def test_an_earlier_loan_is_still_sent_and_then_forgotten(tmp_path: Path) -> None:
    async def scenario() -> None:
        fixture = Fixture(tmp_path)
        (first,) = await fixture.open("loan-1")
        rows = await fixture.fill(first, 3)
        second, earlier = await fixture.open("loan-2")
        assert second.id != earlier.id
        assert await queued(earlier) == rows
        assert await queued(second) == set()
        await earlier.release([Receipt(b"e" * 16, 1, bytes(32), tuple(rows))])
        _, earlier = await fixture.open("loan-2")  # kept: a restored hub may want it again
        fixture.clock.advance(8 * 24 * 3600)
        await earlier.tidy()
        assert len(await fixture.open("loan-2")) == 1
        assert not (tmp_path / outbox_name("loan-1")).exists()
        await fixture.stack.aclose()

    asyncio.run(scenario())


def test_a_file_that_cannot_be_opened_is_set_aside_and_the_box_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        fixture = Fixture(tmp_path)
        path = tmp_path / outbox_name("loan-1")
        path.write_bytes(os.urandom(3 * PAGE_BYTES))
        (outbox,) = await fixture.open()
        assert len(await fixture.fill(outbox, 1)) == 1
        assert path.with_suffix(".damaged-1").exists()
        await fixture.stack.aclose()

    asyncio.run(scenario())


def test_whichever_page_dies_the_box_goes_on(tmp_path: Path) -> None:
    """What is found when the file is opened is mended then; what is found later, by a new start."""

    async def fill(folder: Path) -> set[bytes]:
        fixture = Fixture(folder)
        (outbox,) = await fixture.open()
        promised = await fixture.fill(outbox, 100)
        await fixture.stack.aclose()
        return promised

    async def kept_without(folder: Path, page: int) -> int:
        fixture = Fixture(folder)
        damage(folder / name, page)
        outboxes = await fixture.open()
        try:
            fresh = await fixture.fill(outboxes[0], 5)
        except OutboxError:
            await fixture.stack.aclose()
            replace_damaged(folder / name)
            outboxes = await fixture.open()
            fresh = await fixture.fill(outboxes[0], 5)
        kept = set.union(*[await queued(each) for each in outboxes])
        await fixture.stack.aclose()
        assert fresh <= kept
        return len(kept & promised)

    name = outbox_name("loan-1")
    promised = asyncio.run(fill(tmp_path / "whole"))
    kept = []
    for page in range(1, 17):
        shutil.copytree(tmp_path / "whole", tmp_path / str(page))
        kept.append(asyncio.run(kept_without(tmp_path / str(page), page)))
    # The file's header, the schema and the root of the one large table: nothing is found without these.
    assert sum(rows < 80 for rows in kept) <= 3, kept


def test_rescued_rows_keep_their_identity(tmp_path: Path) -> None:
    async def scenario() -> None:
        fixture = Fixture(tmp_path)
        path = tmp_path / outbox_name("loan-1")
        (outbox,) = await fixture.open()
        promised, identity = await fixture.fill(outbox, 200), outbox.id
        row = (await outbox.rows([100])).rows[0]
        await fixture.stack.aclose()
        damage(path, page_of(path, row))
        replace_damaged(path)
        new, rescued = await fixture.open()
        assert rescued.id == identity != new.id
        kept = await queued(rescued) & promised
        assert 180 <= len(kept) < 200
        await fixture.stack.aclose()

    asyncio.run(scenario())


def page_of(path: Path, row: Row) -> int:
    """The page on which a row lies, counted from 1."""
    return path.read_bytes().index(row.sealed.body) // PAGE_BYTES + 1


def damage(path: Path, page: int) -> None:
    """Overwrite one page, counted from 1, as a dying card does."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(os.urandom(PAGE_BYTES))
