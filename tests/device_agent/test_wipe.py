"""After a wipe nothing of the last patient is on the box; the search that says so does find things."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from koffert_agent.byte_search import measure, search
from koffert_agent.loan import CurrentLoan, loan_file, read_loan, write_loan
from koffert_agent.outbox.folder import outbox_name
from koffert_agent.wipe import AgentRunning, UnsentReadings, WipeJob, wipe
from koffert_wire.downlink import Receipt
from koffert_wire.errors import UntrustedPayload
from koffert_wire.topics import Lane
from koffert_wire.wipe_report import SignedWipe, check_wipe, decode_wipe, loan_digest
from tests.device_agent.support import DEVICE, LINK_KEY, ManualClock, make_reading, make_sealer
from tests.device_agent.support import open_outbox as outbox_at

LOAN = "l-0123456789abcdef0123"
ROWS = 40


@pytest.fixture(name="data")
def fixture_data(tmp_path: Path) -> Path:
    """A box in the middle of a loan, with its identity."""
    data = tmp_path / "data"
    (data / "identity").mkdir(parents=True)
    (data / "identity" / "device.pem").write_text("key")
    (data / "meters.json").write_text("[]")
    (data / "kiosk").mkdir()
    (data / "kiosk" / "last.json").write_text(f"seen with {LOAN}")
    write_loan(data, CurrentLoan(LOAN, revision=7))
    return data


def fill(data: Path, *, receipted: bool) -> list[bytes]:
    """Rows in the loan's outbox; returns what a search would know them by."""

    async def scenario() -> list[bytes]:
        clock = ManualClock()
        sealer = make_sealer(clock, LOAN)
        async with outbox_at(data / "outbox" / outbox_name(LOAN), clock) as outbox:
            drafts = [sealer.draft(Lane.VITALS, [make_reading(clock)]) for _ in range(ROWS)]
            rows = await outbox.append(drafts)
            if receipted:
                await outbox.release(
                    [Receipt(b"e" * 16, 1, bytes(32), tuple(row.id for row in rows))]
                )
            return [part for row in rows for part in (row.id, row.sealed.body[:24])]

    return asyncio.run(scenario())


def job(data: Path, **options: object) -> WipeJob:
    made = WipeJob(device=DEVICE, data_dir=data, link_key=LINK_KEY, wiped_at_ms=1)
    return msgspec.structs.replace(made, **options)


def test_a_still_that_nobody_has_read_is_not_thrown_away_silently(data: Path) -> None:
    stills = data / "stills"
    (stills / "done" / "mark").mkdir(parents=True)
    (stills / "done" / "mark" / "sent.xml").write_text("sent")
    with_stills = job(data, still_folders=(stills, data.parent / "stick"))
    assert wipe(with_stills).report.untaken_stills == 0
    (stills / "cart").mkdir(parents=True)
    (stills / "cart" / "left.xml").write_text("left by a cart")
    with pytest.raises(UnsentReadings) as refused:
        wipe(with_stills)
    assert refused.value.untaken_stills == 1
    signed = wipe(msgspec.structs.replace(with_stills, discard=True))
    assert signed.report.untaken_stills == 1
    assert not stills.exists()
    check_wipe(decode_wipe(msgspec.json.encode(signed)), LINK_KEY)


def test_a_report_without_stills_reads_as_before(data: Path) -> None:
    assert b"untaken_stills" not in msgspec.json.encode(wipe(job(data)))


def test_nothing_of_the_loan_stays(data: Path) -> None:
    traces = fill(data, receipted=True)
    assert search([data], [*traces, LOAN.encode()]).findings
    report = wipe(job(data)).report
    assert report.found == ()
    assert report.discarded == {}
    assert report.loans == (loan_digest(LOAN),)
    assert report.markers > 2 * ROWS
    assert search([data], [*traces, LOAN.encode()]).findings == []
    assert sorted(path.name for path in data.iterdir()) == ["identity", "loan.json", "meters.json"]


def test_the_identity_stays_and_old_commands_stay_old(data: Path) -> None:
    wipe(job(data))
    assert (data / "identity" / "device.pem").read_text() == "key"
    assert (data / "meters.json").exists()  # the case's own pairings
    assert read_loan(data) == CurrentLoan(None, revision=7)


def test_a_retired_box_keeps_nothing_at_all(data: Path) -> None:
    wipe(job(data, retire=True))
    assert list(data.iterdir()) == []


def test_unsent_readings_are_kept_unless_discarded(data: Path) -> None:
    fill(data, receipted=False)
    with pytest.raises(UnsentReadings) as refused:
        wipe(job(data))
    assert refused.value.queued == {Lane.VITALS: ROWS}
    assert loan_file(data).exists()
    assert wipe(job(data, discard=True)).report.discarded == {Lane.VITALS: ROWS}


def test_an_unreadable_outbox_counts_as_unsent(data: Path) -> None:
    (data / "outbox").mkdir()
    (data / "outbox" / outbox_name(LOAN)).write_bytes(b"not a database" * 100)
    with pytest.raises(UnsentReadings):
        wipe(job(data))
    assert wipe(job(data, discard=True)).report.unreadable == 1


def test_a_damaged_loan_file_does_not_stop_it(data: Path) -> None:
    loan_file(data).write_bytes(b"{")
    assert wipe(job(data)).report.found == ()
    assert read_loan(data).loan is None


def test_it_does_not_wipe_under_a_running_agent(data: Path) -> None:
    async def scenario() -> None:
        async with outbox_at(data / "outbox" / outbox_name(LOAN), ManualClock()):
            with pytest.raises(AgentRunning):
                wipe(job(data))

    asyncio.run(scenario())
    assert (data / "kiosk").exists()


def test_files_are_overwritten_in_their_place(data: Path, tmp_path: Path) -> None:
    """Another name for the same file on the disk shows what has become of its blocks."""
    kept = tmp_path / "same-blocks"
    kept.hardlink_to(data / "kiosk" / "last.json")
    wipe(job(data))
    assert set(kept.read_bytes()) == {0}


def test_a_copy_elsewhere_is_found_and_spoils_the_report(data: Path, tmp_path: Path) -> None:
    traces = fill(data, receipted=True)
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(5_000_000) + traces[1] + bytes(5_000_000))
    report = wipe(job(data, also_search=(image,))).report
    assert report.found == (f"{image}:5000000",)


def test_the_report_is_the_boxs_own(data: Path) -> None:
    signed = decode_wipe(msgspec.json.encode(wipe(job(data))))
    check_wipe(signed, LINK_KEY)
    forged = msgspec.structs.replace(signed.report, found=("somewhere",))
    with pytest.raises(UntrustedPayload):
        check_wipe(SignedWipe(forged, signed.mac), LINK_KEY)


class TestSearch:
    """Where a string lies must not matter."""

    @pytest.mark.parametrize("offset", [0, 1, 4 * 1024 * 1024 - 3, 8 * 1024 * 1024 - 12])
    def test_across_the_borders_of_what_is_read_at_once(self, tmp_path: Path, offset: int) -> None:
        needle = b"a planted marker"
        (tmp_path / "file").write_bytes(bytes(offset) + needle + bytes(100))
        searched = search([tmp_path], [b"other", needle])
        assert [finding.offset for finding in searched.findings] == [offset]
        assert measure([tmp_path]) == offset + len(needle) + 100

    def test_nothing_to_look_for(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"content")
        assert search([tmp_path], []) == (7, [])
