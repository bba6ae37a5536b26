"""The box follows the hub: commands are kept before they are confirmed, and confirmed by what we are."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from koffert_agent.clock import Clock, now
from koffert_agent.loan import CurrentLoan, read_loan, write_loan
from koffert_wire.commands import DesiredState, NewCertificate, decode_command
from koffert_wire.messages import Message, StateApplied

_LOG = logging.getLogger(__name__)


class Following:
    """Takes the hub's commands. `changed` is set when the box must start anew under another loan."""

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        submit: Callable[[Iterable[Message]], None],
        take_certificate: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self.changed = asyncio.Event()
        self._data_dir = data_dir
        self._clock = clock
        self._submit = submit
        self._take_certificate = take_certificate
        self._current = read_loan(data_dir)

    @property
    def current(self) -> CurrentLoan:
        """What the hub said last."""
        return self._current

    def confirm(self) -> None:
        """Tell the hub what we are; nothing when it never said anything."""
        if self._current.revision:
            self._submit([StateApplied(now(self._clock), self._current.revision)])

    async def obey(self, body: bytes) -> None:
        """Do what an authenticated command says; raises UnreadablePayload."""
        command = decode_command(body)
        match command:
            case DesiredState():
                await self._become(command)
            case NewCertificate():
                await self._take_certificate(command.certificates_pem)

    async def _become(self, wanted: DesiredState) -> None:
        before = self._current
        if wanted.revision <= before.revision:
            self.confirm()
            return
        current = CurrentLoan(
            wanted.loan,
            wanted.revision,
            wanted.ends_ms,
            wanted.locked,
            wanted.settings,
            wanted.answered_call,
            wanted.plan,
            wanted.paused,
            wanted.visits,
            wanted.message,
        )
        await asyncio.to_thread(write_loan, self._data_dir, current)
        self._current = current
        _LOG.info("the hub's word %d is kept", wanted.revision)
        if current.loan == before.loan:
            self.confirm()
        else:
            # The confirmation belongs to the new loan: it is the first thing said after the restart.
            self.changed.set()
