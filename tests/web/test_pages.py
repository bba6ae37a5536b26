"""The pages as HTML: headers, language, and text that stays text."""

import re

import pytest

from koffert_hub.registry import Role
from koffert_hub.web.app import create_app
from koffert_hub.web.headers import CONTENT_SECURITY_POLICY
from tests.web.hub import Hub, client

_XSS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("path", ["/", "/login", "/account", "/api/v1/session", "/nowhere"])
def test_every_answer_says_what_a_browser_must_not_do(calm_hub: Hub, path: str) -> None:
    headers = client(calm_hub, Role.NURSE).get(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_behind_tls_the_cookie_is_bound_to_this_host(calm_hub: Hub) -> None:
    import dataclasses

    services = dataclasses.replace(calm_hub.services(), https=True)
    app = create_app(services)
    assert app.state.context.session_cookie == "__Host-koffert"


def test_no_page_has_script_or_style_inline(calm_hub: Hub) -> None:
    visitor = client(calm_hub, Role.NURSE)
    for path in ("/", "/login", "/account", "/nowhere"):
        html = visitor.get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=", html), path
        for tag in re.findall(r"<script[^>]*>", html):
            assert "src=" in tag or 'type="application/json"' in tag, path


def test_built_files_may_be_kept_because_their_address_changes(calm_hub: Hub) -> None:
    visitor = client(calm_hub, Role.NURSE)
    found = re.search(r'src="(/static/ward\.js\?v=\w+)"', visitor.get("/").text)
    assert found
    answer = visitor.get(found[1])
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"


def test_the_first_script_is_small(calm_hub: Hub) -> None:
    visitor = client(calm_hub, Role.NURSE)
    scripts = re.findall(r'src="(/static/[^"]+)"', visitor.get("/").text)
    packed = 0
    for script in scripts:
        with visitor.stream("GET", script) as answer:
            packed += sum(len(part) for part in answer.iter_raw())
    assert packed <= 100_000


@pytest.mark.parametrize("name", _XSS)
def test_a_name_is_text_whatever_it_says(calm_hub: Hub, name: str) -> None:
    calm_hub.admit(f"{name} 1")
    html = client(calm_hub, Role.NURSE).get("/").text
    assert name not in html or name.isprintable()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "49 1" not in html


def test_what_was_sent_to_the_login_does_not_come_back_as_markup(calm_hub: Hub) -> None:
    for text in _XSS:
        html = client(calm_hub).get("/login", params={"to": f"/{text}"}).text
        assert "<script>alert" not in html
        assert "<img src=x" not in html


def test_a_reader_chooses_the_language(calm_hub: Hub) -> None:
    visitor = client(calm_hub)
    assert '<html lang="nb-NO"' in visitor.get("/login").text
    visitor.post("/language", data={"language": "nn", "to": "/login"})
    assert "Brukarnamn" in visitor.get("/login").text
    visitor.post("/language", data={"language": "klingon", "to": "/login"})
    assert '<html lang="nn-NO"' in visitor.get("/login").text


def test_an_error_page_says_what_to_do_next(calm_hub: Hub) -> None:
    answer = client(calm_hub, Role.AMK).get("/")
    assert answer.status_code == 403
    assert "Rollen din gir ikke tilgang" in answer.text
