"""`koffert hub simulate` as an engineer starts it: real broker, real hub, real envelopes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(120)
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
