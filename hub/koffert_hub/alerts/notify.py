"""Sending notices: e-mail, SMS over HTTP and webhooks behind one small interface. They name no patient."""

import json
import smtplib
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Protocol

from msgspec import Struct

# A notice that hangs must fail soon enough for the next person to be reached within the step.
SEND_TIMEOUT_S = 10.0


class Notice(Struct, frozen=True):
    """What is sent: `id` is the same for a repeat; `text` names the suitcase, never the patient."""

    id: str
    address: str
    text: str


class NotDelivered(Exception):
    """The notice did not go out; the next on the list is tried."""


class Notifier(Protocol):
    """One way to reach people; blocking, called from a thread of its own."""

    def send(self, notice: Notice) -> None:
        """Send, or raise NotDelivered."""
        ...


class SmtpNotifier:
    """E-mail through the centre's own server."""

    def __init__(self, host: str, port: int, sender: str) -> None:
        self._host, self._port, self._sender = host, port, sender

    def send(self, notice: Notice) -> None:
        """See `Notifier`."""
        message = EmailMessage()
        message["From"], message["To"] = self._sender, notice.address
        message["Subject"] = "Koffert"
        message["X-Koffert-Notice"] = notice.id
        message.set_content(notice.text)
        try:
            with smtplib.SMTP(self._host, self._port, timeout=SEND_TIMEOUT_S) as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(type(error).__name__) from error


class HttpNotifier:
    """SMS gateways and webhooks: a JSON object with `id`, `to` and `text`, posted to one address."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        if not url.startswith(("https://", "http://")):
            raise ValueError("a notifier posts to http or https only")
        self._url, self._headers = url, dict(headers or {})

    def send(self, notice: Notice) -> None:
        """See `Notifier`; anything but a 2xx answer is a failure."""
        body = {"id": notice.id, "to": notice.address, "text": notice.text}
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
            self._url,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **self._headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=SEND_TIMEOUT_S):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise NotDelivered(f"HTTP {error.code}") from error
        except OSError as error:
            raise NotDelivered(type(error).__name__) from error


def send(notifiers: Mapping[str, Notifier], contact: str, notice_id: str, text: str) -> None:
    """Send to a contact written as `scheme:address`; raises NotDelivered."""
    scheme, _, address = contact.partition(":")
    notifier = notifiers.get(scheme)
    if notifier is None:
        raise NotDelivered(f"no provider for {scheme}")
    notifier.send(Notice(notice_id, address, text))
