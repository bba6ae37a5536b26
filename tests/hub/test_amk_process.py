"""`koffert amk run` beside `koffert hub run`, as two processes."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from koffert_hub.keys import LOG_PUBLIC_FILE
from tests.hub.amk_process import PROGRAM, koffert, prepare
from tests.hub.broker import hub_broker
from tests.hub.process import HubProcess
from tests.support.mosquitto import free_port


def until(condition: Callable[[], bool], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"


def test_the_register_outlives_the_hub(tmp_path: Path) -> None:
    async def send(hub: HubProcess) -> None:
        online = hub.box("box-a")
        await online.connect()
        online.send(*(online.box.queue() for _ in range(50)))
        await online.all_receipted()
        await online.close()

    def status() -> dict[str, object]:
        (found,) = koffert("amk", "status", "--config", config, "--json")
        return found

    with hub_broker(tmp_path) as broker:
        hub, config = prepare(tmp_path, broker)
        hub.start()
        with (tmp_path / "amk.log").open("wb") as log:
            amk = subprocess.Popen([*PROGRAM, "amk", "run", "--config", config], stderr=log)
        asyncio.run(send(hub))
        until(lambda: status()["records"] == 51)
        until(lambda: status()["countersigned"] != 0)
        hub.kill()
        until(lambda: "hub-silent" in str(status()["alerts"]))
    replica = str(tmp_path / "amk" / "dalane.sqlite")
    found = koffert("log", "search", replica, "--device", "box-a", "--json")
    assert len(found) == 50
    amk.terminate()
    assert amk.wait(40) == 0
    heads = tmp_path / "heads.jsonl"
    with heads.open("wb") as file:
        subprocess.run(
            [*PROGRAM, "amk", "heads", "dalane", "--config", config], stdout=file, check=True
        )
    keys = ("--key", str(tmp_path / "amk" / LOG_PUBLIC_FILE))
    (verified,) = koffert("log", "verify", str(hub.config), *keys, "--heads", str(heads), "--json")
    assert (verified["ok"], verified["records"]) == (True, 51)
    assert verified["heads"] != 0


def test_the_register_serves_its_own_pages(tmp_path: Path) -> None:
    with hub_broker(tmp_path) as broker:
        hub, config = prepare(tmp_path, broker)
        port = free_port()
        settings = Path(config).read_text()
        Path(config).write_text(f"{settings}\n[web]\nport = {port}\nhttps = false\n")
        adding = ("amk", "add-user", "operator", "--config", config, "--name", "Operatør Test")
        added = subprocess.run(
            [*PROGRAM, *adding, "--password", "hemmelig nok til test"],
            capture_output=True,
            check=False,
        )
        assert added.returncode == 0, added.stderr
        hub.start()
        with (tmp_path / "amk.log").open("wb") as log:
            amk = subprocess.Popen([*PROGRAM, "amk", "run", "--config", config], stderr=log)
        try:
            page = _first_page(f"http://127.0.0.1:{port}")
        finally:
            amk.terminate()
            assert amk.wait(40) == 0
            hub.kill()
    assert "Sendingslogg" in page
    assert "Søk på navn" not in page


def _first_page(url: str) -> str:
    """Log in as the operator; what is then shown, once the replica holds a record."""
    with httpx.Client(
        base_url=url, headers={"Origin": url}, trust_env=False, timeout=60
    ) as visitor:
        until(lambda: _answers(visitor))
        login = {"username": "operator", "password": "hemmelig nok til test"}
        assert visitor.post("/login", data=login).headers["location"] == "/log"
        assert visitor.get("/").status_code == 404
        until(lambda: "records/1" in visitor.get("/log/dalane").text)
        return visitor.get("/log/dalane").text


def _answers(visitor: httpx.Client) -> bool:
    try:
        return visitor.get("/login").status_code == 200
    except httpx.TransportError:
        return False
