"""A visit through the relay: told to use nothing else, or by TLS alone."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from playwright.sync_api import Browser

from koffert_agent.video.records import CallState
from koffert_hub.registry import Role
from koffert_hub.video.turn import TurnCredentials
from tests.browser.video.kit import CONNECTED_WITHIN_S, LOG, NAMES, in_a_call
from tests.support.coturn import coturn
from tests.support.visit_site import Ear, VisitSite

pytestmark = pytest.mark.timeout(120)


@pytest.mark.slow
def test_where_no_direct_way_is_open_the_relay_carries_the_visit(
    nurses_browser: Browser, tmp_path: Path, ear: Ear
) -> None:
    """Both sides are told to use nothing but the relay, with credentials that the hub made for this call."""
    with (
        coturn(tmp_path) as settings,
        VisitSite(tmp_path, TurnCredentials(settings)) as site,
        nurses_browser.new_context() as context,
    ):
        context.add_cookies([{"name": "koffert", "value": site.token(Role.NURSE), "url": site.url}])
        page = context.new_page()
        page.goto(f"{site.url}/patients/{site.rig.patient}/call?relay=1")
        assert in_a_call(page, site) < CONNECTED_WITHIN_S
        site.until(lambda: len(ear.tones_hz) > 3, "sound through the relay")
        [connection] = site.rig.video.visit._connections.values()
        pair = connection._pc.getSenders()[0].transport.transport
        nominated = pair._connection._nominated[1]
        assert nominated.local_candidate.type == "relay"
        assert nominated.remote_candidate.type in {"relay", "prflx"}
        page.click("#hang-up")
        site.until(lambda: site.screen.view.state is CallState.IDLE, "the end")


@pytest.mark.slow
def test_where_only_tcp_gets_out_the_visit_goes_through_tls(
    nurses_browser: Browser, tmp_path: Path, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay listens on no UDP port; the box reaches it by TLS alone, the browser, which asks no test's authority, by TCP."""
    with coturn(tmp_path, tls=True) as settings:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "turn.crt"))
        with (
            VisitSite(tmp_path, TurnCredentials(settings)) as site,
            nurses_browser.new_context() as context,
        ):
            token = site.token(Role.NURSE)
            context.add_cookies([{"name": "koffert", "value": token, "url": site.url}])
            page = context.new_page()
            page.goto(f"{site.url}/patients/{site.rig.patient}/call?relay=1")
            in_a_call(page, site)
            site.until(lambda: len(ear.tones_hz) > 3, "sound through the relay")
            tls_port = int(settings.urls[0].split(":")[2].partition("?")[0])
            box = psutil.Process().net_connections("tcp")
            # A listening socket has no far end: its address is empty.
            assert (tls_port,) in {tuple(one.raddr)[1:] for one in box}
            page.click("#hang-up")
            site.until(lambda: site.screen.view.state is CallState.IDLE, "the end")


def _apart(folder: Path, *more: str) -> dict[str, Any]:
    """Hold a visit between two networks; skips where none can be made."""
    namespace = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*namespace, "ip", "link"], capture_output=True, check=False).returncode:
        pytest.skip("NO NETWORK NAMESPACES HERE: nobody has shut the direct way")
    program = [sys.executable, "-m", "tests.support.apart", str(folder), *more]
    run = subprocess.run([*namespace, *program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    seen: dict[str, Any] = msgspec.json.decode(run.stdout)
    LOG.info("a visit between two networks: %s", seen)
    return seen


def three_by_the_relay(seen: dict[str, Any]) -> None:
    """Nurse, doctor and AMK saw moving pictures and heard the patient, each through the relay; the box saw them."""
    assert sorted(seen["watchers"]) == sorted(NAMES)
    assert len(seen["pairs"]) == len(NAMES)
    assert all("relay" in pair for pair in seen["pairs"])
    assert seen["caller_picture"]


@pytest.mark.slow
def test_two_networks_without_a_way_between_them_meet_at_the_relay(tmp_path: Path) -> None:
    """Box and browser in network namespaces of their own; only the hub's address is reached from both."""
    seen = _apart(tmp_path)
    assert not seen["nurse_reaches_box"]
    assert not seen["box_reaches_nurse"]
    assert seen["connected_s"] < CONNECTED_WITHIN_S
    three_by_the_relay(seen)


@pytest.mark.slow
def test_a_network_that_lets_out_only_tcp_443_reaches_the_relay_by_tls(tmp_path: Path) -> None:
    """The box's kernel knows no way out but TCP to port 443."""
    seen = _apart(tmp_path, "--tls")
    assert not seen["box_reaches_hub_by_udp"]
    three_by_the_relay(seen)
