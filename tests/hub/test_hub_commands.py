"""`koffert hub` and `koffert log` as a person or a program calls them."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from koffert_cli.log import log
from koffert_hub import tables
from koffert_hub.database import open_database, reading
from koffert_hub.ingest import Received
from koffert_hub.intake import Intake
from koffert_hub.keys import load_keys
from koffert_hub.log_record import decode_record, encode_record, next_head
from koffert_hub.settings import load_settings
from koffert_hub.transmission_log import rows_after
from koffert_wire.topics import Lane, up
from tests.hub.box import NOON_NS


def koffert(*arguments: str, code: int = 0) -> list[dict[str, object]]:
    """Run the command with --json; its lines."""
    program = "from koffert_cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    answer = done.stdout if code != 2 else done.stderr
    return [msgspec.json.decode(line) for line in answer.splitlines()]


@pytest.fixture(name="config")
def fixture_config(tmp_path: Path) -> str:
    """A hub with one payload in quarantine."""
    path = tmp_path / "hub.toml"
    path.write_text('data_dir = "data"\ncentre = "Dalane DMS"\n[broker]\nport = 1883\n')
    koffert("hub", "init", "--config", str(path))
    settings = load_settings(path)
    engine = open_database(settings.database_url)
    intake = Intake(engine, load_keys(settings.data_dir).sealing, random=bytes)
    intake.take([Received(up("box-1", Lane.VITALS), b"\xff", NOON_NS)], now_ms=0)
    engine.dispose()
    return str(path)


def test_init_may_be_repeated(config: str) -> None:
    assert koffert("hub", "init", "--config", config) == koffert("hub", "init", "--config", config)


def test_status_and_quarantine(config: str) -> None:
    (status,) = koffert("hub", "status", "--config", config)
    assert (status["log_records"], status["quarantined"]) == (2, 1)
    (held,) = koffert("hub", "quarantine", "list", "--config", config)
    assert (held["device"], held["reason"], held["size_bytes"]) == ("box-1", "malformed", 1)
    (requeued,) = koffert("hub", "requeue", "--config", config)
    assert requeued == {"stored": 0, "still_held": 1, "discarded": 0}


def test_the_log_can_be_read_and_verified(config: str) -> None:
    records = koffert("log", "tail", config)
    assert [record["event"] for record in records] == ["epoch", "transmission"]
    assert koffert("log", "verify", config) == [
        {
            "records": 2,
            "heads": 0,
            "ok": True,
            "first_bad": None,
            "unchecked_heads": 0,
            "signed_to": 0,
        }
    ]
    (found,) = koffert("log", "search", config, "--device", "box-1")
    assert found["detail"] == "malformed"
    exported = Path(config).parent / "day.jsonl"
    program = "from koffert_cli.main import main; main()"
    subprocess.run(
        [sys.executable, "-c", program, "log", "export", config, str(exported)], check=True
    )
    assert koffert("log", "verify", str(exported))[0]["records"] == 2
    database = Path(config).parent / "data" / "hub.sqlite"
    engine = open_database(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE transmission_log SET record = x'00' WHERE sequence = 2")
    engine.dispose()
    (found,) = koffert("log", "verify", str(database), code=1)
    assert found["first_bad"] == {"sequence": 2, "fault": "broken-chain"}
    said = CliRunner().invoke(log, ["verify", str(exported), "--against", str(database)])
    assert (said.exit_code, "does not hold itself: record 2" in said.stderr) == (2, True)


def test_a_rewritten_record_is_named_in_words(config: str) -> None:
    """Every hash fits again, and so do the columns; by the earlier export it is still found."""
    database, exported = (
        Path(config).parent / "data" / "hub.sqlite",
        Path(config).parent / "a.jsonl",
    )
    verify = ["verify", str(database)]
    assert CliRunner().invoke(log, ["export", config, str(exported)]).exit_code == 0
    held = CliRunner().invoke(log, [*verify, "--against", str(exported)])
    assert (held.exit_code, "2 records" in held.output) == (0, True)
    engine = open_database(f"sqlite:///{database}")
    with reading(engine) as connection:
        first, second = rows_after(connection, 0)
    record = encode_record(msgspec.structs.replace(decode_record(second.record), detail="other"))
    head = next_head(first.head, record)
    with engine.begin() as connection:
        last = tables.transmission_log.c.sequence == 2
        changed = tables.transmission_log.update().where(last).values(record=record, head=head)
        connection.execute(changed)
        connection.execute(tables.log_state.update().values(head=head))
    engine.dispose()
    assert CliRunner().invoke(log, verify).exit_code == 0
    said = CliRunner().invoke(log, [*verify, "--against", str(exported)])
    assert (said.exit_code, said.output.splitlines()) == (
        1,
        [
            "record 2: differs-from-copy; 1 records before it hold",
            "  It is another one than in the copy.",
        ],
    )


def test_bad_input_says_what_to_do(tmp_path: Path) -> None:
    (error,) = koffert("hub", "status", "--config", str(tmp_path / "none.toml"), code=2)
    assert "No such file" in str(error["error"])
    (error,) = koffert("log", "verify", str(tmp_path / "none.sqlite"), code=2)
    assert "no file" in str(error["error"])
