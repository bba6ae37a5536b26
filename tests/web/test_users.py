"""Users and roles: added, changed, removed; and who lost access is out at once."""

import httpx
import pytest

from koffert_hub.registry import Role
from koffert_hub.web.access_log import AccessLog, Action
from tests.web.hub import PASSWORD, Hub, client


@pytest.fixture(name="admin")
def fixture_admin(hub: Hub) -> httpx.Client:
    return client(hub, Role.ADMIN)


def _post(admin: httpx.Client, path: str, **data: str) -> httpx.Response:
    csrf = admin.get("/users").text.partition('name="csrf" value="')[2].partition('"')[0]
    return admin.post(path, data={"csrf": csrf, **data})


def _add(admin: httpx.Client, **changed: str) -> httpx.Response:
    kari = {"username": "kari", "display_name": "Kari Test", "role": "nurse", "password": PASSWORD}
    return _post(admin, "/users", **{**kari, **changed})


def _logs_in(hub: Hub, username: str, password: str = PASSWORD) -> bool:
    form = {"username": username, "password": password}
    return client(hub).post("/login", data=form).status_code == 303


def test_a_new_user_logs_in_and_it_is_on_record(hub: Hub, admin: httpx.Client) -> None:
    assert _add(admin).headers["location"] == "/users"
    assert _logs_in(hub, "kari")
    looks = AccessLog(hub.engine).latest(10, before=2**62)
    changes = [look.detail for look in looks if look.action is Action.CHANGED_USER]
    assert changes == ["kari: nurse"]


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"username": "nurse"}, "/users?problem=taken"),
        ({"password": "kort"}, "/users?problem=short"),
    ],
)
def test_what_cannot_be_added_says_why(
    admin: httpx.Client, changed: dict[str, str], answer: str
) -> None:
    location = _add(admin, **changed).headers["location"]
    assert location == answer
    assert 'role="alert"' in admin.get(location).text


@pytest.mark.parametrize("username", ["", "Kari", "a b", "<script>", "a" * 65])
def test_a_strange_user_name_is_refused(admin: httpx.Client, username: str) -> None:
    assert _add(admin, username=username).status_code == 422


def test_who_gets_another_role_or_loses_access_is_out_at_once(
    hub: Hub, admin: httpx.Client
) -> None:
    for form in ({"change": "role", "role": "amk"}, {"change": "remove"}):
        nurse = client(hub, Role.NURSE)
        assert nurse.get("/account").status_code == 200
        assert _post(admin, "/users/nurse", **form).status_code == 303
        assert nurse.get("/account").headers["location"].startswith("/login")
    assert not _logs_in(hub, "nurse")
    assert _post(admin, "/users/nurse", change="remove").status_code == 404


def test_a_new_password_replaces_the_old_one(hub: Hub, admin: httpx.Client) -> None:
    _post(admin, "/users/nurse", change="password", password="et helt nytt passord")
    assert not _logs_in(hub, "nurse")
    assert _logs_in(hub, "nurse", "et helt nytt passord")


def test_nobody_shuts_themselves_out(hub: Hub, admin: httpx.Client) -> None:
    for form in ({"change": "role", "role": "amk"}, {"change": "remove"}):
        assert _post(admin, "/users/admin", **form).headers["location"] == "/users?problem=self"
    assert _logs_in(hub, "admin")


def test_a_name_of_markup_stays_text(admin: httpx.Client) -> None:
    _add(admin, display_name="<img src=x onerror=alert(1)>")
    assert "<img" not in admin.get("/users").text


def test_nothing_changes_without_the_forms_token(admin: httpx.Client) -> None:
    form = {"change": "remove", "csrf": "wrong"}
    assert admin.post("/users/nurse", data=form).status_code == 403
