"""From nothing to a first stored reading and on to the next patient, through the command line alone."""

import asyncio
import contextlib
import json
import os
import resource
import socket
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from koffert_agent.byte_search import search
from koffert_cli.main import main
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_drivers.simulated.physiology import Physiology
from koffert_hub.database import open_database
from koffert_hub.log_record import Direction, LogRecord, Result, decode_record
from koffert_hub.settings import load_settings
from koffert_hub.zones import write_plan
from koffert_wire.commands import SelfPlan
from tests.support.cli_site import CliBox, CliSite
from tests.support.disk_image import disk_image

# What the whole way may take of one processor: a busy machine makes the clock on the wall later, not this.
WHOLE_WAY_S = 60.0
BOX = "koffert-0001"
# In every reading's plain bytes; where this is not found, no reading can be read.
READING_MARKER = b"spo2_pct"
PLAN_MARKER = "Gå en tur til naustet hver dag"
FIRST_NAME, SECOND_NAME = "Testpasient 1", "Testpasient 2"


def oximeter() -> SimulatedOximeter:
    return SimulatedOximeter("contec-v7", Physiology(spo2_pct=93, pulse_bpm=71))


def processor_time_s() -> float:
    """Processor time of this process and of those that it started and that have ended."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def enrolled_box(site: CliSite, sensor_port: str | None = None) -> CliBox:
    box, code_file = site.box("first", sensor_port), site.folder / "koffert-code.txt"
    site.code(BOX, "--code-file", str(code_file))
    outcome = box.run("enrol", "--code-file", str(code_file))
    assert outcome.exit_code == 0, outcome.error
    return box


def test_from_hub_init_to_a_first_stored_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loan reaches the box by itself, while it runs; systemd would kill a box that said it stops for that."""
    began_s = processor_time_s()
    site = CliSite(tmp_path)
    assert site.init().exit_code == 0

    async def scenario() -> None:
        async with site.running(), oximeter() as meter:
            with monkeypatch.context() as unit:
                unit.setenv("NOTIFY_SOCKET", manager.getsockname())
                box = enrolled_box(site, meter.path)
            async with box.running():
                site.lend(BOX, FIRST_NAME)
                await site.followed(BOX)
                await site.stored(6)
                assert set(told(manager)) == {b"READY=1"}
            assert set(told(manager)) == {b"STOPPING=1"}
            status = site.hub("hub", "status").printed
            assert status["lost"] == 0

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(0)
        manager.bind(str(tmp_path / "notify"))
        asyncio.run(scenario())
    assert processor_time_s() - began_s < WHOLE_WAY_S
    patient = patient_of(site, FIRST_NAME)
    assert filed_under(site).keys() == {patient}
    told_of = sent_down(site, patient)
    assert {(one.content, one.result) for one in told_of} == {("desired-state", Result.SENT)}
    assert all(one.device == BOX and one.transmission and one.bytes for one in told_of)


def test_each_failure_on_the_way_has_its_own_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    site, other = CliSite(tmp_path / "ours"), CliSite(tmp_path / "theirs")
    assert site.init().exit_code == other.init().exit_code == 0

    async def scenario() -> None:
        box = site.box("second")
        assert box.run("run").exit_code == 2  # it is nobody yet
        assert box.run("enrol", "KOFFERT1/nonsense").exit_code == 2
        unreachable = box.run("enrol", site.code(BOX))
        assert unreachable.exit_code == 14
        assert "cannot be reached" in unreachable.error["error"]
        async with site.running():
            used = site.code(BOX, "--again")
            assert site.box("first").run("enrol", used).exit_code == 0
            assert box.run("enrol", used).exit_code == 10
            replaced = site.code(BOX, "--again")
            expired = site.code(BOX, "--again")
            assert box.run("enrol", replaced).exit_code == 12
            wrong = expired.rpartition("/")[0] + "/" + other.code(BOX).rpartition("/")[2]
            assert box.run("enrol", wrong).exit_code == 13
            monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
            first_boot = in_process(
                "agent", "enrol", expired, "--config", str(box.config), "--json"
            )
            monkeypatch.undo()
            assert first_boot == 15
            assert "clock" in json.loads(capfd.readouterr().err.splitlines()[-1])["error"]
            expire_tokens(site)
            assert box.run("enrol", expired).exit_code == 11
            alerts = site.hub("hub", "status").printed["alerts"]
            assert [(a["device"], a["cause"], a["count"]) for a in alerts] == [
                (BOX, "token-reused", 1)
            ]

    asyncio.run(scenario())


def test_a_box_goes_to_the_next_patient_with_readings_of_the_first_one_still_unsent(
    tmp_path: Path,
) -> None:
    """They land under the first patient, and nothing of that one stays on the box."""
    site = CliSite(tmp_path)
    assert site.init().exit_code == 0

    traces: list[bytes] = []
    card = tmp_path / "card.img"

    async def scenario() -> str:
        async with oximeter() as meter:
            async with site.running():
                box = enrolled_box(site, meter.path)
                first_loan: str = site.lend(BOX, FIRST_NAME)["loan"]
                key = patient_of(site, FIRST_NAME)
                plan = SelfPlan(PLAN_MARKER, "Ta det med ro", "Ring 113")
                write_down(site, key, plan)
                async with box.running():
                    await site.followed(BOX)
                    await box.measures()
            async with box.running():  # offline
                await box.measures(6)
            assert box.run("wipe").exit_code == 2
            # A stolen card: readings wait on it, and neither they nor a name can be read.
            assert outbox_rows(box) > 0
            os.sync()
            secrets = [READING_MARKER, FIRST_NAME.encode(), key.encode()]
            assert search([box.folder, card], secrets).findings == []
            traces.extend([*row_traces(box), first_loan.encode(), PLAN_MARKER.encode()])
            assert search([box.folder], traces).findings
            async with site.running():
                assert site.hub("device", "return", BOX, "--done", "all").exit_code == 0
                async with box.running():
                    await site.followed(BOX)
                    await box.delivered()
                report = wipe(box)
                assert search([box.data], traces).findings == []
                reissued = site.hub(
                    *("device", "reissue", BOX, "--new-patient", "--wipe-report", str(report)),
                    stdin=f"{SECOND_NAME}\n",
                )
                assert reissued.exit_code == 0, reissued.error
                async with box.running():
                    await site.followed(BOX)
                    await box.measures()
            return first_loan

    with disk_image(card, site.folder / "boxes"):
        first_loan = asyncio.run(scenario())
    # The whole card with what files have left behind on it, and what the second patient has written since.
    assert search([card], traces).findings == []
    first, second = patient_of(site, FIRST_NAME), patient_of(site, SECOND_NAME)
    filed = filed_under(site)
    assert filed[first] == {first_loan}
    assert first_loan not in filed[second]
    # The markers are the right ones: the hub, which may read, has them.
    assert search([site.folder / "hub"], [READING_MARKER]).findings
    # The broker keeps nothing, and nothing in its log names anybody.
    broker = [site.folder / "hub" / "broker", site.folder / "mosquitto.log"]
    assert search(broker, [READING_MARKER, b"Testpasient", first.encode()]).findings == []


def test_a_box_is_revoked_in_the_middle_of_its_stream(tmp_path: Path) -> None:
    site = CliSite(tmp_path)
    assert site.init().exit_code == 0

    async def scenario() -> None:
        async with site.running(), oximeter() as meter:
            box = enrolled_box(site, meter.path)
            site.lend(BOX, FIRST_NAME)
            async with box.running():
                await site.followed(BOX)
                await box.measures()
                lost = box.said("uplink: lost")
                revoked = site.hub("device", "revoke", BOX, "--lost")
                assert revoked.printed["broker"] == "in-force", revoked.error
                stored = site.hub("hub", "status").printed["transmissions"]
                # Whether it still heard that it is locked and stops by itself, or goes on: nobody takes it.
                await box.says("uplink: lost", lost + 1)
                assert site.hub("hub", "status").printed["transmissions"] == stored
            assert site.hub("device", "show", BOX).printed["state"] == "revoked"
            assert site.hub("device", "lend", BOX, "--new-patient", stdin="x\n").exit_code == 2

    asyncio.run(scenario())


def wipe(box: CliBox) -> Path:
    """Wipe the box, its free space too, with nothing that the hub has not confirmed; returns the report."""
    report = box.folder / "wipe.json"
    wiped = box.run("wipe", "--free-space", "--report", str(report))
    assert wiped.exit_code == 0, wiped.error
    assert wiped.printed["report"]["discarded"] == {}
    assert wiped.printed["report"]["free_bytes"] > 0
    return report


def told(manager: socket.socket) -> list[bytes]:
    """What systemd would have heard since, but that all is well, which a box says each minute."""
    heard = []
    with contextlib.suppress(BlockingIOError):
        while True:
            heard.append(manager.recv(100))
    return [word for word in heard if word != b"WATCHDOG=1"]


def in_process(*arguments: str) -> int:
    """Run the command here, where a clock can be set."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    code = ended.value.code
    assert isinstance(code, int)
    return code


def expire_tokens(site: CliSite) -> None:
    with sqlite3.connect(site.folder / "hub" / "hub.sqlite") as database:
        database.execute("UPDATE enrolment_token SET expires_ms = 1 WHERE redeemed_ms IS NULL")
    database.close()


def filed_under(site: CliSite) -> dict[str, set[str]]:
    """The loans under which readings are filed, by patient."""
    database = sqlite3.connect(site.folder / "hub" / "hub.sqlite")
    rows = database.execute(
        "SELECT patient, loan FROM body WHERE patient IS NOT NULL"
        " AND instr(messages, CAST('spo2_pct' AS BLOB))"
    ).fetchall()
    database.close()
    return {patient: {loan for who, loan in rows if who == patient} for patient, _ in rows}


def sent_down(site: CliSite, patient: str) -> list[LogRecord]:
    """What the register says that the hub has sent to this patient's box."""
    database = sqlite3.connect(site.folder / "hub" / "hub.sqlite")
    rows = database.execute("SELECT record FROM transmission_log").fetchall()
    database.close()
    records = [decode_record(record) for (record,) in rows]
    down = [record for record in records if record.direction is Direction.DOWN]
    return [record for record in down if record.patient == patient]


def patient_of(site: CliSite, name: str) -> str:
    database = sqlite3.connect(site.folder / "hub" / "hub.sqlite")
    (found,) = database.execute(
        "SELECT patient FROM person WHERE display_name = ?", (name,)
    ).fetchall()
    database.close()
    key: str = found[0]
    return key


def write_down(site: CliSite, patient: str, plan: SelfPlan) -> None:
    """A plan for the patient, as its page writes it: the one thing in words that a box holds of one."""
    engine = open_database(load_settings(site.config).database_url)
    with engine.begin() as connection:
        write_plan(connection, patient, plan, "testpleier", "Testpleier 1", now=datetime.now(UTC))
    engine.dispose()


def row_traces(box: CliBox) -> list[bytes]:
    """What a search knows the sealed rows of a box by."""
    traces = []
    for path in (box.data / "outbox").glob("*.sqlite3"):
        with contextlib.closing(sqlite3.connect(path)) as database:
            rows = database.execute("SELECT id, body FROM transmission").fetchall()
        traces += [part for identifier, body in rows for part in (identifier, body[:24])]
    return traces


def outbox_rows(box: CliBox) -> int:
    total = 0
    for path in (box.data / "outbox").glob("*.sqlite3"):
        database = sqlite3.connect(path)
        (count,) = database.execute(
            "SELECT count(*) FROM transmission WHERE state = 'queued'"
        ).fetchone()
        database.close()
        total += count
    return total
