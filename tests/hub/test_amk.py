"""The emergency centre's replica follows a hub over a real TLS link."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from koffert_hub import tables
from koffert_hub.amk import AmkSettings, Follower, HubEntry, initialise_amk, open_replica
from koffert_hub.authority import Authority, Identity
from koffert_hub.database import reading
from koffert_hub.log_access import verify_connection, verify_whole
from koffert_hub.log_record import log_key_id
from koffert_hub.log_verify import Fault, FirstBad, verify
from koffert_hub.register_server import RegisterServer
from koffert_hub.register_wire import RegisterLinkError, Subscribe, from_hub, send
from koffert_hub.replica import Replica
from koffert_hub.settings import RegisterSettings
from koffert_hub.technical_alerts import Cause, open_alerts
from koffert_hub.transmission_log import SIGN_EVERY_MS, rows_after, sign_due_head, signed_heads
from koffert_wire.mqtt import TlsFiles
from tests.hub.kit import NOON_MS, Store, rewrite, sqlite_store
from tests.support.mosquitto import free_port

LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
SILENT_AFTER_S = 0.3


class Centre:
    """A hub's store with its register server, and the emergency centre's replica of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority.create("test", datetime.now(UTC))
        (folder / "ca.crt").write_bytes(self._authority.identity.certificate_pem)
        self.store = sqlite_store(folder)
        (folder / "hub-log.pub").write_bytes(LOG_KEY.public_key().public_bytes_raw())
        self.port = free_port()
        self.entry = self._entry("amk")
        self.settings = AmkSettings(
            data_dir=folder / "amk", hubs=[self.entry], silent_after_s=SILENT_AFTER_S
        )
        self.amk_key_file = initialise_amk(self.settings)
        self.replica: Replica = open_replica(self.settings, self.entry)
        self.server = self.new_server()

    def new_server(self) -> RegisterServer:
        now = datetime.now(UTC)
        tls = self._files("register", self._authority.issue_server(("127.0.0.1",), now))
        settings = RegisterSettings(
            port=self.port,
            ca=tls.ca,
            certificate=tls.certificate,
            key=tls.key,
            replica_key=self.amk_key_file,
        )
        return RegisterServer(self.store.engine, settings, LOG_KEY.public_key())

    def client(self, name: str) -> TlsFiles:
        return self._files(name, self._authority.issue_client(name, datetime.now(UTC)))

    @property
    def amk_key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.amk_key_file.read_bytes())

    def alarms(self) -> dict[str, str]:
        with reading(self.replica.engine) as connection:
            return {alert.cause: alert.detail for alert in open_alerts(connection)}

    def countersigned_at_the_hub(self) -> list[int]:
        with reading(self.store.engine) as connection:
            heads = signed_heads(connection, key_id=log_key_id(self.amk_key))
        return [head.sequence for head in heads]

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        follower = Follower(self.entry, self.replica, lambda: NOON_MS, SILENT_AFTER_S)
        task = asyncio.create_task(follower.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))

    def close(self) -> None:
        self.replica.close()
        self.store.engine.dispose()

    def _entry(self, name: str) -> HubEntry:
        tls = self.client(name)
        return HubEntry(
            name="dalane",
            host="127.0.0.1",
            port=self.port,
            ca=tls.ca,
            certificate=tls.certificate,
            key=tls.key,
            log_key=self._folder / "hub-log.pub",
        )

    def _files(self, name: str, identity: Identity) -> TlsFiles:
        files = TlsFiles(
            self._folder / "ca.crt", self._folder / f"{name}.crt", self._folder / f"{name}.key"
        )
        files.certificate.write_bytes(identity.certificate_pem)
        files.key.write_bytes(identity.key_pem)
        return files


@pytest.fixture(name="centre")
def fixture_centre(tmp_path: Path) -> Iterator[Centre]:
    centre = Centre(tmp_path)
    yield centre
    centre.close()


async def until(condition: Callable[[], bool], within_s: float = 40) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + within_s
    while not condition():
        assert loop.time() < deadline_s, "not in time"
        await asyncio.sleep(0.02)


def take(store: Store, count: int) -> None:
    box = store.box(f"box-{len(store.records())}")
    store.take(*(box.queue() for _ in range(count)))


def in_step(centre: Centre) -> bool:
    return centre.replica.position().sequence == len(centre.store.records())


def test_the_replica_follows_live_and_countersigns(centre: Centre) -> None:
    async def scenario() -> None:
        take(centre.store, 500)
        async with centre.server.serving(), centre.following():
            await until(lambda: in_step(centre))
            take(centre.store, 3)
            centre.server.wake()
            await until(lambda: in_step(centre))
            sign_due_head(centre.store.engine, LOG_KEY, now_ms=NOON_MS, last=None)
            await until(lambda: centre.countersigned_at_the_hub() == [504])
            await until(lambda: centre.alarms() == {})

    asyncio.run(scenario())
    with reading(centre.replica.engine) as connection:
        held = verify_connection(connection, [LOG_KEY.public_key(), centre.amk_key])
    assert (held.ok, held.records, held.heads) == (True, 504, 2)


def test_an_outage_is_alarmed_and_caught_up(centre: Centre) -> None:
    async def scenario() -> None:
        async with centre.following():
            async with centre.server.serving():
                await until(lambda: in_step(centre))
            await until(lambda: Cause.HUB_SILENT in centre.alarms())
            take(centre.store, 300)
            async with centre.new_server().serving():
                await until(lambda: in_step(centre) and centre.alarms() == {})

    asyncio.run(scenario())


def test_a_rewritten_log_is_refused_and_alarmed(centre: Centre) -> None:
    async def scenario() -> None:
        take(centre.store, 50)
        async with centre.following():
            async with centre.server.serving():
                await until(lambda: in_step(centre))
            rewrite(centre.store.engine, 7)
            async with centre.new_server().serving():
                await until(lambda: Cause.HUB_CONTRADICTS in centre.alarms())
        assert centre.alarms()[Cause.HUB_CONTRADICTS] == "record 51: another head"

    asyncio.run(scenario())
    with reading(centre.replica.engine) as connection:
        assert verify_connection(connection, []).ok


def test_a_rewrite_while_connected_shows_at_the_next_record(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the hub says by itself of its head would show it too, and sooner.
    monkeypatch.setattr("koffert_hub.register_server.HEARTBEAT_S", 5.0)

    async def scenario() -> None:
        take(centre.store, 50)
        async with centre.server.serving(), centre.following():
            await until(lambda: in_step(centre))
            rewrite(centre.store.engine, 7)
            take(centre.store, 1)
            centre.server.wake()
            await until(lambda: Cause.HUB_CONTRADICTS in centre.alarms())
        assert centre.alarms()[Cause.HUB_CONTRADICTS] == "record 52: broken-chain"

    asyncio.run(scenario())


def test_a_shortened_log_is_alarmed(centre: Centre) -> None:
    async def scenario() -> None:
        take(centre.store, 50)
        with reading(centre.store.engine) as connection:
            head = next(rows_after(connection, 39)).head
        async with centre.server.serving(), centre.following():
            await until(lambda: in_step(centre))
            log, state = tables.transmission_log, tables.log_state
            with centre.store.engine.begin() as connection:
                connection.execute(log.delete().where(log.c.sequence > 40))
                connection.execute(state.update().values(sequence=40, head=head))
            await until(lambda: Cause.HUB_CONTRADICTS in centre.alarms())
        assert centre.alarms()[Cause.HUB_CONTRADICTS] == "record 41: missing"

    asyncio.run(scenario())


def test_a_rewrite_with_the_hubs_own_key_contradicts_the_countersigned_head(centre: Centre) -> None:
    """The administrator has the hub's key too: only what another party signed shows the rewrite."""
    take(centre.store, 20)
    signed = sign_due_head(centre.store.engine, LOG_KEY, now_ms=NOON_MS, last=None)
    assert signed is not None
    with reading(centre.store.engine) as connection:
        centre.replica.append(list(rows_after(connection, 0)))
    centre.replica.countersign(signed, now_ms=NOON_MS)
    take(centre.store, 20)
    rewrite(centre.store.engine, 7)
    with centre.store.engine.begin() as connection:
        connection.execute(tables.signed_head.delete())
    sign_due_head(centre.store.engine, LOG_KEY, now_ms=NOON_MS + SIGN_EVERY_MS, last=None)
    with reading(centre.store.engine) as connection:
        assert verify_connection(connection, [LOG_KEY.public_key()]).ok
        found = verify(rows_after(connection, 0), centre.replica.countersigned(), [centre.amk_key])
        with reading(centre.replica.engine) as copy:
            kept = list(rows_after(copy, 0))
        named = verify_whole(connection, [LOG_KEY.public_key()], copy=kept)
    assert found.first_bad == FirstBad(21, Fault.CONTRADICTS_SIGNED_HEAD, after=0)
    assert named.first_bad == FirstBad(7, Fault.DIFFERS_FROM_COPY)


def test_a_boxs_certificate_does_not_open_the_register(centre: Centre) -> None:
    async def scenario() -> None:
        async with centre.server.serving():
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", centre.port, ssl=centre.client("box-1").context()
            )
            with contextlib.suppress(OSError):
                await send(writer, Subscribe(0))
            with pytest.raises(RegisterLinkError):
                await from_hub(reader)
            writer.close()

    asyncio.run(scenario())
