"""What Prometheus reads."""

import contextlib
import time
import urllib.error
import urllib.request
from pathlib import Path

from koffert_hub.metrics import Counts, exposition, stored_samples
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from tests.hub.broker import hub_broker
from tests.hub.kit import sqlite_store
from tests.hub.process import HubProcess
from tests.support.mosquitto import free_port


def test_the_numbers_tell_of_the_work_and_of_nobody(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path)
    series = SqliteTimeSeries(tmp_path / "series.sqlite")
    box = store.box()
    counts = Counts()
    queued = box.queue()
    for batch in (store.take(queued, box.queue(loan="l-unknown")), store.take(queued)):
        counts.add(batch)
    text = exposition([*counts.samples(), *stored_samples(store.engine, series)])
    assert "koffert_stored_total 1\n" in text
    assert "koffert_receipted_total 3\n" in text
    assert "koffert_log_sequence 3\n" in text
    assert "koffert_time_series_lag 3\n" in text
    assert 'koffert_technical_alerts{cause="quarantined"} 1\n' in text
    assert "box-1" not in text
    assert str(box.loan) not in text
    series.close()
    store.engine.dispose()


def test_health_is_told_by_whether_the_hub_listens(tmp_path: Path) -> None:
    port = free_port()

    def status(page: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}") as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with contextlib.closing(error):
                return error.code
        except OSError:
            return 0

    def until(page: str, wanted: int) -> None:
        deadline = time.monotonic() + 40
        while status(page) != wanted:
            assert time.monotonic() < deadline, status(page)
            time.sleep(0.02)

    with hub_broker(tmp_path) as broker:
        hub = HubProcess(tmp_path, broker)
        with hub.config.open("a") as file:
            file.write(f"[metrics]\nport = {port}\n")
        hub.start()
        until("healthz", 200)
        assert (status("metrics"), status("else")) == (200, 404)
        broker.mosquitto.kill()
        until("healthz", 503)
        assert hub.stop() == 0, hub.log()
