"""`koffert demo` as a person or a script starts it."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.mosquitto import free_port

COMMAND = [sys.executable, "-m", "koffert_cli", "demo", "--headless"]


def at_a_port() -> tuple[str, str]:
    """The usual one may be another demonstration's a moment later."""
    return "--port", str(free_port())


def test_a_bounded_run_prints_the_address_first_and_the_totals_last() -> None:
    run = subprocess.run(
        [*COMMAND, *at_a_port(), "--patients", "2", "--duration", "5", "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    first, last = map(json.loads, run.stdout.splitlines())
    assert first["url"].startswith("http://127.0.0.1:")
    assert set(first["login"]) == {"username", "password"}
    assert (last["lost"], last["duplicates"]) == (0, 0)
    assert last["measured"] == last["stored"] > 0
    assert {"alerts", "latency_p50_ms", "latency_p99_ms"} <= last.keys()
    assert "starting the hub" in run.stderr


def test_ctrl_c_stops_everything_and_prints_the_totals() -> None:
    with subprocess.Popen(
        [*COMMAND, *at_a_port(), "--patients", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        assert "log in as" in demo.stdout.readline()
        children = psutil.Process(demo.pid).children(recursive=True)
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0
    assert "lost             0" in output
    assert len(children) >= 3
    assert not [child for child in children if child.is_running()]


def test_a_taken_port_is_said_plainly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = subprocess.run(
            [*COMMAND, "--port", str(port), "--json"], capture_output=True, text=True, check=False
        )
    assert run.returncode == 2
    assert json.loads(run.stderr.splitlines()[-1])["error"] == f"port {port} is taken"


def test_it_leaves_nothing_behind(tmp_path: Path) -> None:
    run = subprocess.run(
        [*COMMAND, "--patients", "1", "--duration", "1", "--json"],
        check=True,
        capture_output=True,
        env={"TMPDIR": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/bin"},
    )
    assert run.stdout
    assert list(tmp_path.iterdir()) == []
