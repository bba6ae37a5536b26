"""The relay's credentials at a real coturn: good for ten minutes to begin with it, then for as long as a visit lasts."""

import asyncio
import contextlib
import time
from pathlib import Path

import msgspec
import pytest
from aioice import stun
from aioice.turn import TurnTransport, create_turn_endpoint

from koffert_hub.video.turn import CREDENTIAL_LIFE_S, TurnCredentials
from koffert_wire.call import IceServer
from tests.support.coturn import coturn
from tests.support.visit import DEADLINE_S, until

LEFT_S = 2


async def allocate(server: IceServer) -> TurnTransport:
    _, host, rest = server.urls[0].split(":")
    address = (host, int(rest.partition("?")[0]))
    transport, _ = await create_turn_endpoint(
        asyncio.DatagramProtocol, address, server.username, server.credential
    )
    return transport


async def begin(ours: TurnCredentials) -> tuple[IceServer, TurnTransport]:
    """An allocation with credentials that are nearly over; on a busy machine some are over before it is made."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            nearly = time.time() - CREDENTIAL_LIFE_S + LEFT_S
            [nearly_over] = ours.servers("box-test", nearly)
            with contextlib.suppress(stun.TransactionError):
                return nearly_over, await allocate(nearly_over)


async def refresh(transport: TurnTransport) -> None:
    """As the library does after 500 s: coturn gives no shorter leases."""
    request = stun.Message(message_method=stun.Method.REFRESH, message_class=stun.Class.REQUEST)
    request.attributes["LIFETIME"] = 600
    await vars(transport)["_TurnTransport__inner_protocol"].request_with_retry(request)


def test_credentials_begin_an_allocation_while_fresh_and_keep_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        with coturn(tmp_path) as settings:
            nearly_over, visit = await begin(TurnCredentials(settings))
            over_s = time.time() + LEFT_S + 1
            await until(lambda: time.time() > over_s, "they are over")
            await refresh(visit)
            with pytest.raises(stun.TransactionFailed):
                await allocate(nearly_over)
            (tmp_path / "guessed").write_text("guessed")
            others = msgspec.structs.replace(settings, secret_file=tmp_path / "guessed")
            [forged] = TurnCredentials(others).servers("box-test", time.time())
            with pytest.raises(stun.TransactionFailed):
                await allocate(forged)
            visit.close()

    asyncio.run(scenario())
