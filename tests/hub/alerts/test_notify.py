"""Notices over real sockets, and the settings that lead to them."""

import socketserver
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path

import pytest

from koffert_hub.alerts.notify import HttpNotifier, NotDelivered, Notice, SmtpNotifier, send
from koffert_hub.alerts.opening import AlertSettings, PostSettings, open_alerts
from koffert_hub.settings import decode_settings
from tests.hub.alerts.kit import RULES_FILE
from tests.hub.kit import sqlite_store
from tests.support.gateway import Gateway, serving

NOTICE = Notice("a-1-0", "+4700000000", "Koffert K-1: rød varsling er ikke kvittert.")


@pytest.fixture(name="gateway")
def fixture_gateway() -> Iterator[str]:
    Gateway.taken = []
    with serving(HTTPServer(("127.0.0.1", 0), Gateway)) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_post_names_the_notice_and_no_patient(gateway: str) -> None:
    HttpNotifier(f"{gateway}/202", {"Authorization": "Bearer x"}).send(NOTICE)
    assert Gateway.taken == [
        ("Bearer x", {"id": "a-1-0", "to": "+4700000000", "text": NOTICE.text})
    ]


@pytest.mark.parametrize("answer", ["403", "500"])
def test_an_answer_that_is_no_yes_is_not_delivered(gateway: str, answer: str) -> None:
    with pytest.raises(NotDelivered, match=answer):
        HttpNotifier(f"{gateway}/{answer}").send(NOTICE)


def test_nobody_there_is_not_delivered(free_port: int) -> None:
    for notifier in (
        HttpNotifier(f"http://127.0.0.1:{free_port}/"),
        SmtpNotifier("127.0.0.1", free_port, "koffert@example.org"),
    ):
        with pytest.raises(NotDelivered):
            notifier.send(NOTICE)


def test_only_http_is_posted_to() -> None:
    with pytest.raises(ValueError, match="http"):
        HttpNotifier("file:///etc/passwd")


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as one message needs."""

    taken: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                body = []
                while (part := self.rfile.readline()) != b".\r\n":
                    body.append(part.decode())
                self.taken.append("".join(body))
            self.wfile.write(
                b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 fine\r\n"
            )


def test_mail_carries_the_notice() -> None:
    Mailbox.taken = []
    with serving(socketserver.TCPServer(("127.0.0.1", 0), Mailbox)) as port:
        notice = Notice("a-1-1", "vakt@example.org", "Koffert K-1: se på skjermen.")
        SmtpNotifier("127.0.0.1", port, "koffert@example.org").send(notice)
    (message,) = Mailbox.taken
    for part in ("To: vakt@example.org", "X-Koffert-Notice: a-1-1", "Koffert K-1"):
        assert part in message


def test_a_contact_without_a_provider_is_not_delivered() -> None:
    with pytest.raises(NotDelivered, match="no provider for fax"):
        send({}, "fax:1", "a-1-0", "text")


SETTINGS = f"""
rules = "{RULES_FILE}"
named_telephone = "sms:+4700000000"

[staffing]
monday = {{ start = 08:00:00, end = 15:30:00 }}

[mail]
host = "127.0.0.1"
sender = "koffert@example.org"

[sms]
url = "http://127.0.0.1:9/send"
token_file = "token"
"""


def test_settings_lead_to_a_service(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "alerts.toml").write_text(SETTINGS)
    (tmp_path / "token").write_text("secret\n")
    settings = decode_settings(tmp_path / "alerts.toml", AlertSettings)
    assert settings.sms == PostSettings(
        url="http://127.0.0.1:9/send", token_file=tmp_path / "token"
    )
    store = sqlite_store(tmp_path)
    service = open_alerts(settings, store.engine, lambda: 0, lambda *_: None, lambda: settings)
    assert service.desk.open_alerts() == ()
    assert "no doctor has signed" in caplog.text
    store.engine.dispose()
