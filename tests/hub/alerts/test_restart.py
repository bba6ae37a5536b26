"""A hub that is killed raises once; a replay and an erasure find what was kept."""

import os
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from koffert_hub.alerts import tables
from koffert_hub.alerts.escalation import Watch
from koffert_hub.alerts.history import replay, settle
from koffert_hub.alerts.records import Patient
from koffert_hub.alerts.register import forget, rows_of_loan
from koffert_hub.alerts.service import AlertService
from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from tests.hub.alerts.kit import rules
from tests.hub.alerts.ward_kit import MINUTE_S, Ward, red
from tests.hub.box import NOON_NS
from tests.hub.kit import NOON_MS

KILLED = """
import sys
from tests.hub.alerts.test_restart import killed_while_judging
killed_while_judging(sys.argv[1])
"""


def test_after_a_restart_nothing_is_raised_twice(ward: Ward) -> None:
    red(ward)
    for _ in range(3):
        ward.start()
        ward.service.work()
    assert ward.raised() == 1
    assert ward.open() == ["red spo2-low-confirmed"]


def test_a_timer_runs_on_over_a_restart(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    ward.start()
    ward.wait(11 * MINUTE_S)
    assert ward.open() == ["red spo2-low-unconfirmed"]


def killed_while_judging(database_url: str) -> None:
    """Judge, and die before the commit."""
    engine = open_database(database_url)
    sa.event.listen(engine, "commit", lambda _connection: os.kill(os.getpid(), 9))
    late_ms = NOON_MS + 3_600_000
    service = AlertService(
        engine,
        rules(),
        watch=Watch,
        notifiers={},
        clock_ms=lambda: late_ms,
        call_taken=lambda *_: None,
    )
    service.follow()


def test_killed_between_reading_and_alert_it_is_raised_once(ward: Ward) -> None:
    box = ward.box
    url = ward.store.engine.url.render_as_string(hide_password=False)
    ward.store.take(box.queue([ward.spot(82.0)]), at_ns=NOON_NS)
    box.wait(300)
    ward.store.take(box.queue([ward.spot(81.0)]), at_ns=box.wall_ns)
    for _ in range(2):
        died = subprocess.run(
            [sys.executable, "-c", KILLED, url],
            check=False,
            cwd=Path(__file__).resolve().parents[3],
        )
        assert died.returncode == -9
        assert ward.raised() == 0
    ward.service.work()
    assert ward.open() == ["red spo2-low-confirmed"]
    ward.start()
    ward.service.work()
    assert ward.raised() == 1


def test_a_replay_gives_the_same_alerts(ward: Ward) -> None:
    red(ward)
    ward.wait(3_600)
    ward.send(ward.spot(94.0, pulse=118.0))
    with open_reading(ward.store.engine) as connection:
        again = replay(
            connection, rules(), ward.loan().patient, since_ms=NOON_MS, until_ms=ward.now_ms
        )
        kept = rows_of_loan(connection, ward.loan().id)
    assert [one.text_nb for one in again] == [row.alert.text_nb for row in kept]
    assert [one.cause for one in again] == ["spo2_low", "pulse_high"]


def test_erasing_leaves_nothing(ward: Ward) -> None:
    red(ward)
    ward.wait(2 * MINUTE_S)
    patient = ward.loan().patient
    with ward.store.engine.begin() as connection:
        settle(connection, patient, Patient(), "Testlege 1", now_ms=ward.now_ms)
        forget(connection, patient)
        for name, table in tables.alert.metadata.tables.items():
            if name.startswith("alert"):
                assert connection.execute(sa.select(table)).all() == [], name
