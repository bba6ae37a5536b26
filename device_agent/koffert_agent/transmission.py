"""Messages become transmissions: header, packed and sealed body."""

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from koffert_agent.clock import Clock, now
from koffert_agent.outbox.records import Draft, Drop
from koffert_wire import sealing
from koffert_wire.envelope import Header, Sealed, pack_body, seal_transmission
from koffert_wire.identifiers import uuid7
from koffert_wire.messages import Dropped, Message
from koffert_wire.topics import Lane

# Header, seal and SQLite's own part of a row, rounded up from 350 B measured with the longest device id.
_ROW_EXTRA_BYTES = 512
_UUID_RANDOM_BYTES = 10


class Sealer:
    """Makes the transmissions of one box under one loan."""

    def __init__(
        self,
        device: str,
        loan: str | None,
        hub_key: X25519PublicKey,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._device = device
        self._loan = loan
        self._hub_key = hub_key
        self._key_id = sealing.key_id(hub_key)
        self._clock = clock
        self._random = random

    def new_id(self) -> bytes:
        """An id for a reading, a block or a transmission."""
        return uuid7(self._clock.wall_ns(), self._random(_UUID_RANDOM_BYTES))

    def draft(self, lane: Lane, messages: Sequence[Message]) -> Draft:
        """One transmission with these messages, all of the same kind."""
        codec, packed = pack_body(list(messages))
        transmission, created = self.new_id(), now(self._clock)

        def seal(outbox: bytes, sequence: int) -> Sealed:
            header = Header(
                id=transmission,
                device=self._device,
                loan=self._loan,
                outbox=outbox,
                lane=lane,
                sequence=sequence,
                boot=self._clock.boot_id,
                created=created,
                kind=kind_of(messages[0]),
                count=len(messages),
                codec=codec,
                part=0,
                parts=1,
                sealing_key=self._key_id,
            )
            return seal_transmission(header, packed, self._hub_key)

        return Draft(transmission, lane, len(packed) + _ROW_EXTRA_BYTES, seal)

    def report(self, drop: Drop) -> Draft:
        """The message that tells the hub of transmissions given up."""
        dropped = Dropped(
            now(self._clock),
            drop.lane,
            drop.first_sequence,
            drop.last_sequence,
            drop.count,
            drop.reason.value,
        )
        return self.draft(Lane.VITALS, [dropped])


def kind_of(message: Message) -> str:
    """The message's tag, as the header names it."""
    return str(message.__struct_config__.tag)
