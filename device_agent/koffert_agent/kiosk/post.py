"""What the patient said and measured on its way: said again until it is safe, and asked after until it is sent."""

from collections.abc import Callable

from msgspec import Struct

from koffert_agent.kiosk.facts import Sent
from koffert_agent.kiosk.records import Delivery, DeliveryState, FromKiosk, Submit
from koffert_wire.messages import Attempt, CallButton, Diary, MessageRead, Spirometry, WaveformBlock

# Receipts remembered: readings come once a second.
_DELIVERIES = 512

Said = Diary | CallButton | MessageRead | Attempt | Spirometry | WaveformBlock


class Given(Struct, frozen=True):
    """Something that was sent, and when."""

    id: bytes
    at_s: float


class Post:
    """Hands messages to the gateway by `send`, which may lose them while it is away."""

    def __init__(self, send: Callable[[FromKiosk], None], now_s: Callable[[], float]) -> None:
        self._send = send
        self._now_s = now_s
        self._deliveries: dict[bytes, DeliveryState] = {}
        self._unsaved: dict[bytes, Said] = {}

    def say(self, message: Said) -> None:
        """Hand it over, and keep it until it is on the disk."""
        self._unsaved[message.id] = message
        self._send(Submit(message))

    def give(self, message: Said) -> Given:
        """As `say`, where the patient waits for what becomes of it."""
        self.say(message)
        return Given(message.id, self._now_s())

    def say_again(self) -> None:
        """Hand over once more what may not have been heard."""
        for message in self._unsaved.values():
            self._send(Submit(message))

    def note(self, delivery: Delivery) -> None:
        """Messages have come further."""
        for message in delivery.ids:
            self._unsaved.pop(message, None)
            self._deliveries[message] = delivery.state
        while len(self._deliveries) > _DELIVERIES:
            del self._deliveries[next(iter(self._deliveries))]

    def how_far(self, given: Given | None) -> Sent | None:
        """How far it has come; None for nothing."""
        if given is None:
            return None
        return Sent(self._deliveries.get(given.id), self._now_s() - given.at_s)

    def forget(self) -> None:
        """What one patient said is nothing to the next."""
        self._unsaved.clear()
        self._deliveries.clear()
