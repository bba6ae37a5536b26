"""The second factor: turned on with a first code, each code good once, both needed from then on."""

import re

import httpx
import pyotp
import pytest

from koffert_hub.registry import Role
from tests.web.hub import PASSWORD, Hub, client

STEP_MS = 30_000


class Phone:
    """A nurse's telephone with the secret that the hub showed."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.nurse = client(hub, Role.NURSE)
        page = self.nurse.get("/account/totp").text
        assert "<svg" in page
        self.secret = _hidden(page, "secret")
        self.csrf = _hidden(page, "csrf")

    def code(self) -> str:
        return pyotp.TOTP(self.secret).at(self.hub.now_ms() // 1000)

    def turn_on(self, code: str) -> httpx.Response:
        form = {"csrf": self.csrf, "secret": self.secret, "code": code}
        return self.nurse.post("/account/totp", data=form)

    def turn_off(self, code: str) -> str:
        form = {"csrf": self.csrf, "code": code}
        return self.nurse.post("/account/totp/off", data=form).headers["location"]

    def log_in(self, code: str, password: str = PASSWORD) -> int:
        form = {"username": "nurse", "password": password, "code": code}
        return client(self.hub).post("/login", data=form).status_code


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="(\w+)"', page)
    assert found
    return found[1]


@pytest.fixture(name="phone")
def fixture_phone(hub: Hub) -> Phone:
    return Phone(hub)


def test_from_the_first_code_on_both_are_needed_and_a_code_is_good_once(
    hub: Hub, phone: Phone
) -> None:
    first = phone.code()
    assert phone.turn_on(first).headers["location"] == "/account?changed=true"
    assert phone.log_in("") == 401
    assert phone.log_in(first) == 401  # used
    hub.offset_ms += STEP_MS
    code = phone.code()
    assert phone.log_in(code, "feil") == 401
    assert phone.log_in(code) == 303
    assert phone.log_in(code) == 401


def test_a_wrong_first_code_turns_nothing_on(phone: Phone) -> None:
    wrong = f"{(int(phone.code()) + 1) % 1_000_000:06d}"
    answer = phone.turn_on(wrong)
    assert 'role="alert"' in answer.text
    assert _hidden(answer.text, "secret") == phone.secret
    assert phone.log_in("") == 303


def test_it_is_turned_off_with_a_code(hub: Hub, phone: Phone) -> None:
    phone.turn_on(phone.code())
    assert phone.turn_off("000000") == "/account?problem=code"
    hub.offset_ms += STEP_MS
    assert phone.turn_off(phone.code()) == "/account?changed=true"
    assert phone.log_in("") == 303


@pytest.mark.parametrize("secret", ["", "A" * 31, "A" * 33, "0" * 32])
def test_a_strange_secret_is_refused(phone: Phone, secret: str) -> None:
    form = {"csrf": phone.csrf, "secret": secret, "code": "000000"}
    assert phone.nurse.post("/account/totp", data=form).status_code == 422
