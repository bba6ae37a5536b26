"""`koffert hub simulate` as an engineer starts it: real broker, real hub, real envelopes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from koffert_hub.database import open_database, reading
from koffert_hub.log_access import verify_whole
from koffert_hub.settings import load_settings
from koffert_hub.time_series.opening import open_time_series
from tests.support.influx import running_influx
from tests.support.postgres import running_postgres


def test_every_reading_of_a_small_swarm_is_stored_once(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    options = ["--boxes", "5", "--rate", "4", "--duration", "1", "--labels", str(labels), "--json"]
    run = subprocess.run(
        [sys.executable, "-m", "koffert_cli", "hub", "simulate", *options],
        check=True,
        capture_output=True,
        text=True,
    )
    counted = json.loads(run.stdout)
    assert counted["sent"] == counted["receipted"] == counted["stored"] == 20
    assert (counted["lost"], counted["duplicates"], counted["waiting"]) == (0, 0, 0)
    assert 0 < counted["latency_p50_ms"] <= counted["latency_p99_ms"]
    written = [json.loads(line) for line in labels.read_text().splitlines()]
    assert [one["day"] for one in written] == [0, 1, 2, 3, 4]
    assert sum(one["severity"] > 0 for one in written) == counted["exacerbations"]


@pytest.mark.slow
def test_workers_on_postgresql_and_influxdb_store_every_reading_once(tmp_path: Path) -> None:
    """As docs/how-to/grow-the-hub.md sets it up: three workers, a hub that projects, one broker."""
    influx_folder = tmp_path / "influx"
    influx_folder.mkdir()
    with running_postgres() as postgres, running_influx(influx_folder) as influx:
        (tmp_path / "token").write_text("token")
        stores = tmp_path / "hub.toml"
        stores.write_text(
            f'data_dir = "unused"\ncentre = "Dalane DMS"\ndatabase = "{postgres.new_database()}"\n'
            f'[broker]\nport = 1883\n[time_series]\nurl = "{influx.url}"\norganisation = "koffert"\n'
            f'bucket = "{influx.new_bucket()}"\ntoken_file = "token"\n'
        )
        options = ["--boxes", "20", "--rate", "2", "--duration", "10", "--workers", "3"]
        command = [sys.executable, "-m", "koffert_cli", "hub", "simulate", *options]
        run = subprocess.run(
            [*command, "--stores", str(stores), "--json"],
            check=True,
            capture_output=True,
            text=True,
        )
        counted = json.loads(run.stdout)
        assert counted["sent"] == counted["receipted"] == counted["stored"] == 400
        assert (counted["lost"], counted["duplicates"], counted["waiting"]) == (0, 0, 0)
        settings = load_settings(stores)
        engine = open_database(settings.database_url)
        series = open_time_series(settings, engine)
        assert 0 < series.count() <= 400
        with reading(engine) as connection:
            assert verify_whole(connection, []).ok
        series.close()
        engine.dispose()
        again = subprocess.run(
            [*command, "--stores", str(stores)], capture_output=True, text=True, check=False
        )
        assert (again.returncode, "is not empty" in again.stderr) == (2, True)
