"""Logging in at a provider: a whole one on loopback, and tokens that must not count."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from koffert_hub.registry import Role
from koffert_hub.web.oidc import (
    CALLBACK_PATH,
    Attempt,
    OidcRefused,
    OidcSettings,
    Provider,
    ProviderUnreachable,
)
from koffert_hub.web.oidc_pages import ATTEMPT_MS
from koffert_hub.web.tables import login_attempt
from tests.support.mosquitto import free_port
from tests.web.hub import UNITS, Hub, client

_PROVIDER = Path(__file__).parents[1] / "support" / "identity_provider.py"
NOW_S = 1_790_000_000
ATTEMPT = Attempt("state", "nonce", "verifier")


def _settings(issuer: str, public_url: str = "http://127.0.0.1:1") -> OidcSettings:
    return OidcSettings(
        issuer=issuer,
        client_id="koffert",
        public_url=public_url,
        roles={
            "koffert-nurses": Role.NURSE,
            "sus-heart-staff": Role.RECEIVER,
            "unit-staff": Role.RECEIVER,
        },
        units={"sus-heart-staff": "sus-heart"},
        scope="openid profile groups",
    )


@pytest.fixture(scope="module", name="ports")
def fixture_ports() -> Iterator[tuple[int, int]]:
    """The hub's port and the provider's, with the provider running."""
    hub_port, provider_port = free_port(), free_port()
    callback = f"http://127.0.0.1:{hub_port}{CALLBACK_PATH}"
    command = [sys.executable, "-W", "ignore", str(_PROVIDER), str(provider_port), callback]
    environment = {**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        assert b"ready" in process.stdout.readline()
        yield hub_port, provider_port
        process.kill()


class Way:
    """One browser on its way to the provider and back."""

    def __init__(self, hub: Hub, who: str) -> None:
        self.hub = hub
        self.visitor = client(hub)
        self._who = who

    def go(self, to: str = "") -> str:
        """To the provider; returns where it sends the browser back to."""
        out = self.visitor.get(f"/login/oidc?to={to}").headers["location"]
        answer = httpx.get(out, headers={"Cookie": f"who={self._who}"}, trust_env=False, timeout=60)
        return answer.headers["location"]

    def lands(self, address: str) -> str:
        return self.visitor.get(address).headers["location"]


@pytest.fixture(name="served")
def fixture_served(tmp_path: Path, prepared: Path, ports: tuple[int, int]) -> Iterator[Hub]:
    hub = Hub(tmp_path, prepared)
    settings = _settings(f"http://localhost:{ports[1]}", f"http://127.0.0.1:{ports[0]}")
    hub.provider = Provider(settings, hub.now_ms)
    with hub.serve(ports[0]):
        yield hub
    hub.close()


def test_whom_the_provider_names_is_logged_in_once(served: Hub) -> None:
    assert 'href="/login/oidc' in client(served).get("/login").text
    way = Way(served, "nurse")
    back = way.go("/patients")
    assert way.lands(back) == "/patients"
    session = way.visitor.get("/api/v1/session").json()
    assert session["role"] == Role.NURSE
    assert session["username"].startswith("oidc:")
    assert "Testperson nurse" in way.visitor.get("/account").text
    assert way.lands(back) == "/login?problem=refused"
    again = Way(served, "nurse")
    assert again.lands(again.go()) == "/"


def test_a_receiver_comes_to_the_unit_of_its_group(served: Hub) -> None:
    way = Way(served, "receiver")
    assert way.lands(way.go()) == "/received"
    assert UNITS["sus-heart"] in way.visitor.get("/received").text
    adrift = Way(served, "adrift")
    assert adrift.lands(adrift.go()) == "/login?problem=refused"


def test_an_answer_counts_only_in_the_browser_that_asked_and_in_time(served: Hub) -> None:
    stolen = Way(served, "nurse").go()
    assert Way(served, "nurse").lands(stolen) == "/login?problem=refused"
    late = Way(served, "nurse")
    back = late.go()
    served.offset_ms += ATTEMPT_MS
    assert late.lands(back) == "/login?problem=refused"


@pytest.mark.parametrize("column", ["verifier", "nonce"])
def test_a_code_that_somebody_else_asked_for_is_worth_nothing(served: Hub, column: str) -> None:
    way = Way(served, "nurse")
    back = way.go()
    with served.engine.begin() as connection:
        connection.execute(sa.update(login_attempt).values({column: "x" * 43}))
    assert way.lands(back) == "/login?problem=refused"


def test_who_has_no_role_here_stays_out(served: Hub) -> None:
    way = Way(served, "outsider")
    location = way.lands(way.go())
    assert location == "/login?problem=refused"
    assert 'role="alert"' in way.visitor.get(location).text


def test_without_a_provider_there_is_no_way_to_one(calm_hub: Hub) -> None:
    assert client(calm_hub).get("/login/oidc").status_code == 404
    assert "/login/oidc" not in client(calm_hub).get("/login").text


def test_a_provider_that_is_down_or_without_tls_is_said_to_be_unreachable() -> None:
    for issuer in (f"http://127.0.0.1:{free_port()}", "http://login.example.org"):
        with pytest.raises(ProviderUnreachable):
            Provider(_settings(issuer), lambda: NOW_S * 1000).begin()


GOOD: dict[str, object] = {
    "iss": "https://login.example.org",
    "aud": "koffert",
    "sub": "1",
    "nonce": "nonce",
    "exp": NOW_S + 300,
    "groups": ["koffert-nurses"],
}
KEY = RSAKey.generate_key(2048, auto_kid=True)


def _claims(changes: dict[str, object], key: RSAKey = KEY, alg: str = "RS256") -> dict[str, object]:
    provider = Provider(_settings("https://login.example.org"), lambda: NOW_S * 1000)
    claims = {name: value for name, value in (GOOD | changes).items() if value is not None}
    token = jwt.encode({"alg": alg, "kid": KEY.kid}, claims, key, algorithms=[alg])
    return provider._claims(token, KeySet([KEY]).as_dict(), ATTEMPT)


def test_a_token_that_holds_is_believed() -> None:
    assert _claims({})["sub"] == "1"
    assert _claims({"aud": ["koffert", "other"], "iss": "https://login.example.org/"})["sub"] == "1"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example.org"},
        {"aud": "other"},
        {"nonce": "other"},
        {"nonce": None},
        {"sub": None},
        {"exp": NOW_S - 300},
        {"exp": None},
    ],
)
def test_a_token_for_something_else_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(OidcRefused):
        _claims(changes)


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(OidcRefused):
        _claims({}, key=RSAKey.generate_key(2048))


def test_a_token_without_signature_is_refused() -> None:
    provider = Provider(_settings("https://login.example.org"), lambda: NOW_S * 1000)
    # {"alg":"none"} and {"sub":"1"}, as nobody signed them.
    token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."
    with pytest.raises(OidcRefused):
        provider._claims(token, KeySet([KEY]).as_dict(), ATTEMPT)
