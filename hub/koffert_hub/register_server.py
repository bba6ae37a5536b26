"""The hub's side of the register: streams the log to the emergency centre as it grows."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from koffert_hub.database import reading as open_reading
from koffert_hub.log_record import SignedHead, head_is_signed, log_key_id
from koffert_hub.log_verify import LogPosition, LogRow
from koffert_hub.own_thread import OwnThread
from koffert_hub.register_wire import (
    HEARTBEAT_S,
    LINE_BYTES,
    REPLICA_USER,
    ROWS_PER_LINE,
    Countersigned,
    Here,
    RegisterLinkError,
    Rows,
    Signed,
    Subscribe,
    from_replica,
    peer_name,
    send,
    server_context,
)
from koffert_hub.settings import RegisterSettings
from koffert_hub.transmission_log import keep_signed_head, position, rows_after, signed_heads

_LOG = logging.getLogger(__name__)


class RegisterServer:
    """Serves any number of replicas; `wake` after each commit makes the stream live."""

    def __init__(
        self, engine: sa.Engine, settings: RegisterSettings, log_key: Ed25519PublicKey
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._log_key_id = log_key_id(log_key)
        self._replica_key = Ed25519PublicKey.from_public_bytes(settings.replica_key.read_bytes())
        self._committed = asyncio.Condition()
        self._waking: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something was committed."""
        if self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._notify(), name="register-wake")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen while the block runs; then every link is closed."""
        async with asyncio.TaskGroup() as links:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                link = self._serve(reader, writer)
                running.add(task := links.create_task(link, name="register-link"))
                task.add_done_callback(running.discard)

            running: set[asyncio.Task[None]] = set()
            server = await asyncio.start_server(
                accept,
                self._settings.host,
                self._settings.port,
                ssl=server_context(self._settings.tls()),
                limit=LINE_BYTES,
            )
            try:
                yield
            finally:
                server.close()
                for task in running:
                    task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = peer_name(writer)
        try:
            if name != REPLICA_USER:
                _LOG.warning("register: refused a certificate of another name")
                return
            subscribed = await from_replica(reader)
            if isinstance(subscribed, Subscribe):
                await self._stream(reader, writer, subscribed.after)
        except* (RegisterLinkError, OSError) as ended:
            _LOG.info("register: link ended: %s", ended.exceptions[0])
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, after: int
    ) -> None:
        with OwnThread("register") as thread:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._receive(reader, thread), name="register-receive")
                both.create_task(self._send(writer, thread, after), name="register-send")

    async def _send(self, writer: asyncio.StreamWriter, thread: OwnThread, after: int) -> None:
        signed_after = after
        while True:
            rows, heads, here = await thread(partial(self._read, after, signed_after))
            if rows:
                await send(writer, Rows(rows))
                after = rows[-1].sequence
            for head in heads:
                if head.sequence <= after:
                    await send(writer, Signed(head))
                    signed_after = head.sequence
            if len(rows) < ROWS_PER_LINE:
                await send(writer, Here(here.sequence, here.head))
                await self._wait_for_commit()

    async def _receive(self, reader: asyncio.StreamReader, thread: OwnThread) -> None:
        while True:
            message = await from_replica(reader)
            if isinstance(message, Countersigned):
                await thread(partial(self._keep, message.head))

    def _read(
        self, after: int, signed_after: int
    ) -> tuple[list[LogRow], list[SignedHead], LogPosition]:
        with open_reading(self._engine) as connection:
            return (
                list(rows_after(connection, after, ROWS_PER_LINE)),
                signed_heads(connection, signed_after, self._log_key_id),
                position(connection),
            )

    def _keep(self, head: SignedHead) -> None:
        if not head_is_signed(head, self._replica_key):
            raise RegisterLinkError("a countersignature that is not the replica's")
        with self._engine.begin() as connection:
            keep_signed_head(connection, head)

    async def _notify(self) -> None:
        async with self._committed:
            self._committed.notify_all()

    async def _wait_for_commit(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_S), self._committed:
                await self._committed.wait()
