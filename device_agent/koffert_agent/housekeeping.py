"""The outboxes' regular tidying, which waits calmly while the disk is full."""

import asyncio
import logging
from collections.abc import Sequence

from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import OutboxError, OutboxReason
from koffert_agent.supervisor import Pulse

_LOG = logging.getLogger(__name__)


async def keep_house(outboxes: Sequence[Outbox], interval_s: float, pulse: Pulse) -> None:
    """Tidy every `interval_s`, for ever; a full disk is told once, and once when there is room again.

    Raises OutboxError for anything else.
    """
    full = False
    while True:
        pulse.beat()
        was_full, full = full, not await _tidied(outboxes)
        if full and not was_full:
            _LOG.warning("the disk is full: tidying waits for room")
        elif was_full and not full:
            _LOG.info("there is room again: tidying goes on")
        pulse.rest()
        await asyncio.sleep(interval_s)


async def _tidied(outboxes: Sequence[Outbox]) -> bool:
    """Tidy what can be; whether there was room for all of it."""
    room = True
    for outbox in outboxes:
        try:
            await outbox.tidy()
        except OutboxError as error:
            if error.reason is not OutboxReason.FULL:
                raise
            room = False
    return room
