"""An ECG still from the folder of a box to the hub's documents, on real processes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from koffert_cli.demonstration.site import Demonstration
from koffert_drivers.stills.bundle import read_document
from koffert_drivers.stills.reader import read_still
from koffert_drivers.stills.records import EcgStill
from koffert_hub.database import open_database, reading
from koffert_hub.documents.records import DocumentLine, Reason, State
from koffert_hub.documents.store import fetch_document, fetch_leads, list_documents
from tests.drivers.stills.samples import beats, scp
from tests.support.demonstration import provisioned, until

# Two looks of the box, the way of some hundred parts, and the hub's reading.
ARRIVES_WITHIN_S = 40.0
STILL = scp(beats(size=5_000))


def run(folder: Path, scenario: Callable[[Demonstration], Awaitable[None]]) -> None:
    demonstration = Demonstration(provisioned(folder, patients=1), report=lambda _step: None)

    async def inside() -> None:
        try:
            await demonstration.start()
            await scenario(demonstration)
        finally:
            await demonstration.stop()

    asyncio.run(inside())


def leave(demonstration: Demonstration, name: str, content: bytes) -> None:
    """As a cart would: the whole file under its name."""
    folder = demonstration.boxes[0].box.folder / "data" / "stills"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def documents(demonstration: Demonstration) -> dict[bytes, DocumentLine]:
    """What the hub has, by content."""
    engine = open_database(demonstration.site.database_url)
    try:
        with reading(engine) as connection:
            lines = list_documents(connection)
            return {fetch_document(connection, line.id).content: line for line in lines}
    finally:
        engine.dispose()


async def arrived(demonstration: Demonstration, count: int) -> dict[bytes, DocumentLine]:
    await until(
        lambda: len(documents(demonstration)) >= count,
        within_s=ARRIVES_WITHIN_S,
        what=f"{count} documents at the hub",
    )
    return documents(demonstration)


def test_a_still_survives_killed_boxes_and_hubs(tmp_path: Path) -> None:
    async def scenario(demonstration: Demonstration) -> None:
        (box,) = demonstration.boxes
        await demonstration.hub.kill()
        leave(demonstration, "a.scp", STILL)
        await until(
            lambda: any((box.box.folder / "data" / "stills" / "done").glob("*/a.scp")),
            within_s=ARRIVES_WITHIN_S,
            what="the box takes the still",
        )
        await box.kill()
        await box.start_agent()
        await demonstration.hub.start()
        ((content, line),) = (await arrived(demonstration, 1)).items()
        assert content == STILL
        assert (line.state, line.reason, line.loan) == (State.FILED, None, box.box.loan)
        leave(demonstration, "again.scp", STILL)
        leave(demonstration, "another.scp", scp(beats(size=1_000)))
        assert len(await arrived(demonstration, 2)) == 2

    run(tmp_path, scenario)


def test_stills_of_real_carts_arrive_with_every_sample(tmp_path: Path, shared: Path) -> None:
    """They name other persons than the patient of the loan: held, not lost."""
    ecg = shared / "data" / "ecg"
    names = ("triplet/Example.scp", "triplet/Example.dcm", "triplet/Example.xml")
    files = {Path(name).name: (ecg / name).read_bytes() for name in names}
    pair = {name: (ecg / name).read_bytes() for name in ("00001_lr.hea", "00001_lr.dat")}

    async def scenario(demonstration: Demonstration) -> None:
        for name, content in (files | pair).items():
            leave(demonstration, name, content)
        found = await arrived(demonstration, len(files) + 1)
        assert set(files.values()) < found.keys()
        for content, line in found.items():
            check(demonstration, content, line)

    run(tmp_path, scenario)


def check(demonstration: Demonstration, content: bytes, line: DocumentLine) -> None:
    """What the hub holds is what the readers say of the file."""
    still = read_document(content)
    assert isinstance(still, EcgStill)
    named = bool(still.patient.family_name or still.patient.given_name)
    expected = (State.HELD, Reason.OTHER_PERSON) if named else (State.FILED, None)
    assert (line.state, line.reason) == expected
    engine = open_database(demonstration.site.database_url)
    try:
        with reading(engine) as connection:
            leads = fetch_leads(connection, line.id)
    finally:
        engine.dispose()
    for stored, lead in zip(leads, still.leads, strict=True):
        assert (stored.name, stored.gain_uv) == (lead.name, lead.gain_uv)
        assert (stored.samples == lead.samples).all()


def test_the_still_that_the_test_makes_can_be_read() -> None:
    assert isinstance(read_still(STILL), EcgStill)
