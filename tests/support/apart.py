"""A visit of a box and three pages of a browser that share no network: each reaches one address, where hub and relay are.

`unshare --user --map-root-user --net python -m tests.support.apart FOLDER` prints one JSON object. With `--tls` the box gets
nothing out but TCP to port 443.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from koffert_agent.video.records import CallState
from koffert_hub.video.turn import TurnCredentials
from tests.browser.video.kit import PATIENCE_S, Party, goes_on, hears_the_tone
from tests.support.coturn import coturn
from tests.support.visit_site import VisitSite

HUB = "10.77.0.1"
NETWORKS = {"nurse": 1, "box": 2}
TLS_PORT = 443
_SELECTED = """async () => {
  const report = await window.peers.at(-1).getStats();
  for (const pair of report.values()) if (pair.type === "candidate-pair" && pair.nominated)
    return [report.get(pair.localCandidateId).candidateType, report.get(pair.remoteCandidateId).candidateType];
}"""


def _ip(*words: str, inside: int | None = None) -> None:
    enter = [] if inside is None else _enter(inside)
    subprocess.run([*enter, "ip", *words], check=True)


def _enter(pid: int) -> list[str]:
    return ["nsenter", "--net", f"--target={pid}"]


@contextlib.contextmanager
def _network(name: str, number: int, *, only_tls: bool) -> Iterator[int]:
    """A network whose one way out leads to the hub; yields the process that holds it."""
    ours = Path("/proc/self/ns/net").readlink()
    holder = subprocess.Popen(["unshare", "--net", "sleep", "600"])
    try:
        while Path(f"/proc/{holder.pid}/ns/net").readlink() == ours:
            time.sleep(0.01)
        near, far = f"10.77.{number}.1", f"10.77.{number}.2"
        _ip("link", "add", f"to-{name}", "type", "veth", "peer", "name", "out")
        _ip("link", "set", "out", "netns", str(holder.pid))
        _ip("addr", "add", f"{near}/24", "dev", f"to-{name}")
        _ip("link", "set", f"to-{name}", "up")
        _ip("link", "set", "lo", "up", inside=holder.pid)
        _ip("addr", "add", f"{far}/24", "dev", "out", inside=holder.pid)
        _ip("link", "set", "out", "up", inside=holder.pid)
        way = ("route", "add", HUB, "via", near, "src", far)
        if only_tls:
            rule = ("ipproto", "tcp", "dport", str(TLS_PORT), "lookup", "443")
            _ip("rule", "add", "pref", "100", *rule, inside=holder.pid)
            _ip(*way, "table", "443", inside=holder.pid)
        else:
            _ip(*way, inside=holder.pid)
        yield holder.pid
    finally:
        holder.kill()
        holder.wait()


def _reaches(pid: int, address: str, kind: str) -> bool:
    """Whether the kernel knows a way there from inside."""
    look = f"import socket; socket.socket(socket.AF_INET, socket.{kind}).connect(('{address}', 9))"
    words = [*_enter(pid), sys.executable, "-c", look]
    error = subprocess.run(words, capture_output=True, check=False, text=True).stderr
    return "unreachable" not in error


def visit(folder: Path, *, only_tls: bool) -> dict[str, object]:
    """Hold one visit; returns what was seen of it."""
    _ip("link", "set", "lo", "up")
    _ip("addr", "add", f"{HUB}/32", "dev", "lo")
    with contextlib.ExitStack() as stack:
        nurse = stack.enter_context(_network("nurse", NETWORKS["nurse"], only_tls=False))
        box = stack.enter_context(_network("box", NETWORKS["box"], only_tls=only_tls))
        seen: dict[str, object] = {
            "nurse_reaches_box": _reaches(nurse, "10.77.2.2", "SOCK_DGRAM"),
            "box_reaches_nurse": _reaches(box, "10.77.1.2", "SOCK_DGRAM"),
            "box_reaches_hub_by_udp": _reaches(box, HUB, "SOCK_DGRAM"),
        }
        turn = stack.enter_context(coturn(folder, tls=only_tls, host=HUB, tls_port=TLS_PORT))
        environment = os.environ | {"SSL_CERT_FILE": str(folder / "turn.crt")}
        video = subprocess.Popen(
            [*_enter(box), sys.executable, "-m", "tests.support.video_alone", str(folder)],
            env=environment,
        )
        stack.callback(video.wait)
        stack.callback(video.kill)
        site = stack.enter_context(
            VisitSite(folder, TurnCredentials(turn), host=HUB, elsewhere=True)
        )
        return seen | _hold(folder, site, nurse)


def _hold(folder: Path, site: VisitSite, nurse: int) -> dict[str, object]:
    wrapper = folder / "browser"
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(_enter(nurse))} {chromium} "$@"\n')
    wrapper.chmod(0o755)
    flags = ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream"]
    flags += ["--use-fake-device-for-media-stream", "--disable-background-networking"]
    # No certificate in a test: the browser gives its microphone only to pages that it trusts.
    flags += [f"--unsafely-treat-insecure-origin-as-secure={site.url}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=wrapper, args=flags)
        party = Party(browser, site, "")
        pages = party.gather()
        for page in pages:
            goes_on(page)
            hears_the_tone(page)
        seen: dict[str, object] = {
            "connected_s": party.connected_s,
            "pairs": [page.evaluate(_SELECTED) for page in pages],
            "watchers": site.screen.view.watchers,
            "caller_picture": site.screen.view.caller_picture,
        }
        pages[0].click("#hang-up")
        site.until(lambda: site.screen.view.state is CallState.IDLE, "the end", PATIENCE_S)
        browser.close()
        return seen


if __name__ == "__main__":
    seen = visit(Path(sys.argv[1]), only_tls="--tls" in sys.argv)
    sys.stdout.write(json.dumps(seen) + "\n")
