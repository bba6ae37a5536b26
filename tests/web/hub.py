"""The web app on a real server on loopback, fed by hand: what the pages' tests look at."""

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from koffert_hub.alerts.rules import SignedDigest
from koffert_hub.database import open_database
from koffert_hub.live import Link, LiveEvent, LiveFeed, LiveRow
from koffert_hub.log_record import Direction, Event, LogRecord, Result
from koffert_hub.migrations import migrate
from koffert_hub.registry import Role, User, create_user
from koffert_hub.time_series import StoredReading, TimeQuality
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from koffert_hub.transmission_log import LogWriter, begin_log, draft, sign_due_head
from koffert_hub.web.app import create_app
from koffert_hub.web.oidc import Provider
from koffert_hub.web.register import LogSource
from koffert_hub.web.senders import Senders
from koffert_hub.web.services import LocalAccounts, WebServices
from koffert_hub.web.session import SessionStore
from tests.hub.kit import SIGNED
from tests.support.mosquitto import free_port
from tests.web.board import Board

CENTRE = "Dalane DMS"
LOG = "dalane"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
AMK_KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
# Where stills can be sent; the receiver works at the first.
UNITS = {"sus-heart": "Hjerteovervåkningen, SUS", "sus-lung": "Lungeposten, SUS"}
PASSWORD = "hemmelig nok til test"
SENDER_KEY = b"a-key-of-a-cart-0123456789"
DISPLAY_NAMES = {
    Role.NURSE: "Sykepleier Test",
    Role.DOCTOR: "Lege Test",
    Role.AMK: "Operatør Test",
    Role.ENGINEER: "Tekniker Test",
    Role.ADMIN: "Administrator Test",
    Role.RECEIVER: "Mottaker Test",
}


class Hub:
    """A running web app; `url` is its address. Rows are published from any thread."""

    def __init__(self, folder: Path, prepared: Path) -> None:
        self.offset_ms = 0
        shutil.copy(prepared, folder / "hub.sqlite")
        self.engine = open_database(f"sqlite:///{folder / 'hub.sqlite'}")
        self.feed = LiveFeed(self.now_ms)
        self.board = Board()
        self.time_series = SqliteTimeSeries(folder / "series.sqlite")
        self.rules: SignedDigest | None = SIGNED
        self.provider: Provider | None = None
        self.senders = Senders({"ecg-cart-1": SENDER_KEY})
        self.url = ""
        self.port = 0
        self.sequence = 0
        self._visitors: list[httpx.Client] = []
        self._stop: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None

    def now_ms(self) -> int:
        """The hub's clock; a test may set it forward."""
        return time.time_ns() // 1_000_000 + self.offset_ms

    def services(self) -> WebServices:
        """What the app is given; plain HTTP, because nothing here leaves loopback."""
        return WebServices(
            engine=self.engine,
            live=self.feed,
            time_series=self.time_series,
            accounts=LocalAccounts(self.engine),
            clock_ms=self.now_ms,
            centre_name=CENTRE,
            https=False,
            alerts=self.board,
            logs=(self.log_source(),),
            receiving_units=UNITS,
            rules_in_force=lambda: self.rules,
            provider=self.provider,
            senders=self.senders,
        )

    def log_source(self) -> LogSource:
        """The hub's own log, as its pages show it."""
        keys = LOG_KEY.public_key(), AMK_KEY.public_key()
        return LogSource(LOG, self.engine, *keys, knows_names=True)

    def log(self, *devices: str, **fields: Any) -> list[int]:
        """Append one record for each device to the log; returns their numbers."""
        calm = {"direction": Direction.UP, "lane": "vitals", "content": "reading", "bytes": 412}
        with self.engine.begin() as connection:
            writer = LogWriter(connection)
            numbers = [writer.add(self._record(device, {**calm, **fields})) for device in devices]
            writer.flush()
        return numbers

    def _record(self, device: str, fields: dict[str, Any]) -> LogRecord:
        stated = {"payload_hash": "5e" * 32, "device": device, **fields}
        result = stated.pop("result", Result.STORED)
        record = draft(Event.TRANSMISSION, result, at_ms=self.now_ms())
        return msgspec.structs.replace(record, **stated)

    def sign_log(self) -> None:
        """Sign the log's head as the hub does, and countersign it as the emergency centre does."""
        for key in (LOG_KEY, AMK_KEY):
            assert sign_due_head(self.engine, key, now_ms=self.now_ms(), last=None)

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[None]:
        """Serve until the block ends or `cut`; streams that are open then are closed."""
        app = create_app(self.services())
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=0)
        server = uvicorn.Server(config)
        # One that nobody gets while it is not served.
        listener = socket.create_server(("127.0.0.1", port or free_port()))
        self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        thread = threading.Thread(target=self._run, args=(server, listener), name="web")
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join()
            listener.close()

        self._stop = stop
        try:
            wait_until(lambda: server.started)
            yield
        finally:
            stop()

    def cut(self) -> None:
        """Stop serving, as if the hub had died."""
        self._stop()

    def freeze(self) -> threading.Event:
        """Keep the server from doing anything, its connections open, until the event is set."""
        assert self._loop is not None
        thaw = threading.Event()
        self._loop.call_soon_threadsafe(lambda: thaw.wait(30))
        return thaw

    def _run(self, server: uvicorn.Server, listener: socket.socket) -> None:
        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            await server.serve([listener])

        asyncio.run(run())

    def on_loop(self, call: Callable[[], None]) -> None:
        """Run `call` where the feed lives, and wait for it."""
        assert self._loop is not None
        done = threading.Event()

        def run() -> None:
            call()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(30)

    def admit(self, *patients: str) -> None:
        """Put exactly these patients (`Testpasient 1` …) on the ward."""
        rows = [place(name) for name in patients]
        self.on_loop(lambda: self.feed.set_patients(rows, self.sequence))

    def publish(self, name: str, **values: Any) -> LiveRow:
        """Send one reading of a patient; what is not said is that of a calm one, measured now."""
        self.sequence += 1
        now_ms = self.now_ms()
        calm = {
            "link": Link.LIVE,
            "spo2_pct": 91.0,
            "pulse_bpm": 82.0,
            "quality": 1.0,
            "measured_at_ms": now_ms,
            "received_at_ms": now_ms,
            "sequence": self.sequence,
        }
        row = LiveRow(**{**_identity(name), **calm, **values})
        event = LiveEvent(self.sequence, row)
        self.on_loop(lambda: self.feed.publish(event))
        return row

    def store(self, name: str, series: list[tuple[int, dict[str, float]]]) -> None:
        """Put readings (ms, values) into the time series."""
        self.store_of(_identity(name)["patient"], series)

    def store_of(self, patient: str, series: list[tuple[int, dict[str, float]]]) -> None:
        """As `store`, for a patient known by the key."""
        readings = [
            StoredReading(
                index.to_bytes(4) + patient.encode().rjust(12)[:12],
                patient,
                "koffert-001",
                "contec-v7",
                at_ms,
                TimeQuality.WALL,
                1.0,
                values,
            )
            for index, (at_ms, values) in enumerate(series)
        ]
        self.time_series.write(readings, self.sequence)

    def visitor(self, *, token: str = "") -> httpx.Client:
        """A browser as far as the server can tell, with the cookie of a session if one is given."""
        visitor = httpx.Client(
            base_url=self.url, headers={"Origin": self.url}, trust_env=False, timeout=60
        )
        if token:
            visitor.cookies.set("koffert", token, domain="127.0.0.1", path="/")
        self._visitors.append(visitor)
        return visitor

    def session_token(self, role: Role) -> str:
        """A session of the user with this role, as the log-in would have begun it."""
        user = User(role, role, DISPLAY_NAMES[role])
        return SessionStore(self.engine).start(user, self.now_ms())

    def close(self) -> None:
        """Release files and connections."""
        for visitor in self._visitors:
            visitor.close()
        self.time_series.close()
        self.engine.dispose()


def prepare_database(path: Path) -> Path:
    """A database with one user of each role; hashing their passwords is slow on purpose."""
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    with engine.begin() as connection:
        begin_log(connection, bytes(16), now_ms=time.time_ns() // 1_000_000)
        for role, name in DISPLAY_NAMES.items():
            unit = next(iter(UNITS)) if role is Role.RECEIVER else None
            create_user(connection, role, PASSWORD, role, name, unit=unit)
    engine.dispose()
    return path


def place(name: str) -> LiveRow:
    """A patient on the ward who has not measured yet."""
    values: dict[str, Any] = _identity(name)
    return LiveRow(**values)


def _identity(name: str) -> dict[str, str]:
    number = name.rsplit(" ", 1)[-1]
    return {
        "patient": f"p-{number}",
        "display_name": name,
        "suitcase": f"koffert-{number.zfill(3)}",
    }


def client(hub: Hub, role: Role | None = None) -> httpx.Client:
    """A visitor, with a session when a role is given; the log-in itself is slow on purpose."""
    return hub.visitor(token="" if role is None else hub.session_token(role))


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
