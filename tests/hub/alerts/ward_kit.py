"""One lent box, the alert service, and a telephone: what the tests of alerts at the hub share."""

import sqlalchemy as sa

from koffert_hub import registry
from koffert_hub.alerts import tables
from koffert_hub.alerts.escalation import Watch
from koffert_hub.alerts.notify import NotDelivered, Notice
from koffert_hub.alerts.register import find
from koffert_hub.alerts.roster import RosterEntry, keep_entry
from koffert_hub.alerts.service import AlertService
from koffert_hub.database import reading as open_reading
from koffert_wire.messages import (
    CallButton,
    Message,
    Mode,
    Reading,
    SpotContext,
)
from tests.hub.alerts.kit import rules
from tests.hub.kit import NOON_MS, Store

MINUTE_S = 60
DAY_S = 86_400


class Phone:
    """Takes notices, or fails."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.rung: list[str] = []

    def send(self, notice: Notice) -> None:
        if not self.works:
            raise NotDelivered("no answer")
        self.rung.append(notice.address)


class Ward:
    """One lent box, the hub's clock, and the alert service."""

    def __init__(self, store: Store) -> None:
        self.store, self.box = store, store.box()
        self.phone, self.broken = Phone(), Phone(works=False)
        self.watch = Watch()
        # The presses of the call button that the box was told somebody has taken.
        self.told: list[bytes] = []
        self.start()
        with store.engine.begin() as connection:
            for place, name in enumerate(("anne", "berit", "carl")):
                entry = RosterEntry(
                    username=name,
                    name=name.title(),
                    skills=("KOLS", "spirometri") if name == "carl" else ("KOLS",),
                    place="Egersund",
                    place_in_line=place,
                    channels=(f"sms:{name}",),
                )
                keep_entry(connection, store.centre, entry, by=name, now_ms=NOON_MS)

    def start(self) -> None:
        """Start the service, as after a restart: nothing but the database is left of an earlier one."""
        self.service = AlertService(
            self.store.engine,
            rules(),
            watch=lambda: self.watch,
            notifiers={"sms": self.phone, "lost": self.broken},
            clock_ms=lambda: self.now_ms,
            call_taken=lambda _connection, _loan, call, _at_ms: self.told.append(call),
        )

    @property
    def now_ms(self) -> int:
        return self.box.wall_ns // 1_000_000

    def wait(self, seconds: float) -> None:
        self.box.wait(seconds)
        self.service.work()

    def spot(self, spo2: float | None, *, quality: float = 1.0, pulse: float = 82.0) -> Reading:
        return Reading(
            id=self.box.identifier(),
            at=self.box.now(),
            sensor="nonin-ble",
            sensor_serial=None,
            mode=Mode.SPOT,
            values={"spo2_pct": spo2, "pulse_bpm": pulse if spo2 else None},
            quality=quality,
            context=SpotContext(oxygen_l_min=0.0, at_rest=True, by_patient=True),
        )

    def send(self, *messages: Message) -> None:
        self.store.take(self.box.queue(list(messages)), at_ns=self.box.wall_ns)
        self.service.work()

    def press(self) -> bytes:
        """The patient calls; returns the call's id."""
        button = CallButton(self.box.identifier(), self.box.now())
        self.send(button)
        return button.id

    def open(self) -> list[str]:
        """The alerts, without what still waits to become one."""
        with open_reading(self.store.engine) as connection:
            return [
                f"{alert.priority} {find(connection, alert.id).alert.rule}"
                for alert in self.service.desk.open_alerts()
                if not alert.waiting
            ]

    def raised(self) -> int:
        with open_reading(self.store.engine) as connection:
            return connection.execute(
                sa.select(sa.func.count()).select_from(tables.alert)
            ).scalar_one()

    def loan(self) -> registry.Loan:
        with open_reading(self.store.engine) as connection:
            assert self.box.loan is not None
            return registry.loans(connection, [self.box.loan])[self.box.loan]


def red(ward: Ward) -> str:
    """Bring a confirmed red about; returns its id."""
    ward.send(ward.spot(82.0))
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    assert ward.open() == ["red spo2-low-confirmed"]
    return ward.service.desk.open_alerts()[0].id
