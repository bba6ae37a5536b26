"""`koffert amk run`: the emergency centre's register, one live replica for each hub that it serves."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from koffert_hub.amk_web import open_accounts, serve_register, source_of
from koffert_hub.keys import LOG_KEY_FILE, LOG_PUBLIC_FILE, write_private
from koffert_hub.log_verify import LogPosition
from koffert_hub.own_thread import OwnThread
from koffert_hub.register_wire import (
    LINE_BYTES,
    Countersigned,
    FromHub,
    Here,
    RegisterLinkError,
    Rows,
    Subscribe,
    from_hub,
    send,
)
from koffert_hub.replica import Contradiction, Replica
from koffert_hub.settings import Port, WebSettings, decode_settings
from koffert_hub.technical_alerts import Cause
from koffert_wire.mqtt import MqttError, TlsFiles
from koffert_wire.reconnect import Backoff, Link, keep_connected

# A hub says where it is each second: this many missed ones are an alarm, not a hiccup.
SILENT_AFTER_S = 15.0
CONNECT_S = 10.0
# A hub that restarts is followed again at once; one that contradicts itself waits for a person.
_RECONNECT = Backoff(first_s=0.5, cap_s=10.0)
_AFTER_CONTRADICTION = Backoff(first_s=30.0, cap_s=300.0)

_LOG = logging.getLogger(__name__)


class HubEntry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One hub: its register's address, our certificate there, and its public log key."""

    name: str
    host: str
    port: Port
    ca: Path
    certificate: Path
    key: Path
    log_key: Path

    def context(self) -> ssl.SSLContext:
        """TLS towards this hub."""
        return TlsFiles(self.ca, self.certificate, self.key).context()


class AmkSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`amk.toml`; relative paths start at the file. Without `web` no pages are served."""

    data_dir: Path
    hubs: list[HubEntry]
    silent_after_s: float = SILENT_AFTER_S
    web: WebSettings | None = None


def load_amk_settings(path: Path) -> AmkSettings:
    """The settings in a TOML file; raises SettingsError."""
    return decode_settings(path, AmkSettings)


def initialise_amk(settings: AmkSettings) -> Path:
    """Make the data folder and the countersigning key if they are missing; return the public key's file."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    public = settings.data_dir / LOG_PUBLIC_FILE
    if not (settings.data_dir / LOG_KEY_FILE).exists():
        key = Ed25519PrivateKey.generate()
        write_private(settings.data_dir / LOG_KEY_FILE, key.private_bytes_raw())
        public.write_bytes(key.public_key().public_bytes_raw())
    return public


def open_replica(settings: AmkSettings, hub: HubEntry) -> Replica:
    """The replica of one hub; SQLite, beside our key."""
    own = Ed25519PrivateKey.from_private_bytes((settings.data_dir / LOG_KEY_FILE).read_bytes())
    theirs = Ed25519PublicKey.from_public_bytes(hub.log_key.read_bytes())
    return Replica(settings.data_dir / f"{hub.name}.sqlite", hub.name, theirs, own)


class Follower:
    """Follows one hub until cancelled."""

    def __init__(
        self, hub: HubEntry, replica: Replica, clock_ms: Callable[[], int], silent_after_s: float
    ) -> None:
        self._hub = hub
        self._replica = replica
        self._clock_ms = clock_ms
        self._silent_after_s = silent_after_s
        self._heard = asyncio.Event()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Keep the replica up to date; alarm when the hub is silent or contradicts itself."""
        with OwnThread(f"replica-{self._hub.name}") as thread:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._watch(thread), name=f"watch-{self._hub.name}")
                both.create_task(self._follow(thread), name=f"follow-{self._hub.name}")

    async def _follow(self, thread: OwnThread) -> None:
        await keep_connected(
            f"register of {self._hub.name}",
            partial(self._session, thread),
            policy=_backoff,
            retry_on=(OSError, RegisterLinkError, Contradiction, MqttError),
            wake=self._wake,
            random=random.random,
            log=_LOG,
        )

    async def _session(self, thread: OwnThread, link: Link) -> None:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(
                self._hub.host, self._hub.port, ssl=self._hub.context(), limit=LINE_BYTES
            )
        try:
            held = await thread(self._replica.position)
            await send(writer, Subscribe(held.sequence))
            while True:
                message = await from_hub(reader)
                link.established()
                await self._take(message, writer, thread)
                self._heard.set()
        except Contradiction as contradiction:
            await self._alarm(thread, Cause.HUB_CONTRADICTS, str(contradiction))
            raise
        finally:
            writer.close()

    async def _take(
        self, message: FromHub, writer: asyncio.StreamWriter, thread: OwnThread
    ) -> None:
        if isinstance(message, Rows):
            await thread(partial(self._replica.append, message.rows))
        elif isinstance(message, Here):
            theirs = LogPosition(message.sequence, message.head)
            await thread(partial(self._replica.check_position, theirs))
        else:
            signing = partial(self._replica.countersign, message.head, now_ms=self._clock_ms())
            await send(writer, Countersigned(await thread(signing)))

    async def _watch(self, thread: OwnThread) -> None:
        """Silence is what is not heard: a lost link, a hub that hangs, a wire that was cut."""
        while True:
            self._heard.clear()
            try:
                async with asyncio.timeout(self._silent_after_s):
                    await self._heard.wait()
            except TimeoutError:
                await self._alarm(thread, Cause.HUB_SILENT, f"{self._silent_after_s:g} s")
            else:
                clear = partial(self._replica.all_clear, Cause.HUB_SILENT, now_ms=self._clock_ms())
                if await thread(clear):
                    _LOG.info("hub %s is heard again", self._hub.name)

    async def _alarm(self, thread: OwnThread, cause: Cause, detail: str) -> None:
        raising = partial(self._replica.alarm, cause, detail, now_ms=self._clock_ms())
        if await thread(raising):
            _LOG.error("ALARM: hub %s: %s: %s", self._hub.name, cause, detail)


async def run_amk(settings: AmkSettings, clock_ms: Callable[[], int]) -> None:
    """Follow every hub, and serve the register's pages, until cancelled."""
    replicas = [(hub, open_replica(settings, hub)) for hub in settings.hubs]
    try:
        async with asyncio.TaskGroup() as tasks:
            for hub, replica in replicas:
                follower = Follower(hub, replica, clock_ms, settings.silent_after_s)
                tasks.create_task(follower.run(), name=f"hub-{hub.name}")
            if settings.web is not None:
                serving = _serve(settings, settings.web, replicas, clock_ms)
                tasks.create_task(serving, name="web")
    finally:
        for _, replica in replicas:
            replica.close()


async def _serve(
    settings: AmkSettings,
    web: WebSettings,
    replicas: list[tuple[HubEntry, Replica]],
    clock_ms: Callable[[], int],
) -> None:
    own_key = Ed25519PublicKey.from_public_bytes((settings.data_dir / LOG_PUBLIC_FILE).read_bytes())
    logs = [source_of(hub.name, replica.engine, hub.log_key, own_key) for hub, replica in replicas]
    accounts = open_accounts(settings.data_dir)
    try:
        await serve_register(web, accounts, logs, clock_ms)
    finally:
        accounts.dispose()


def _backoff(error: Exception) -> Backoff:
    return _AFTER_CONTRADICTION if isinstance(error, Contradiction) else _RECONNECT
