"""A patient who is in the hub's database, with a box that has sent."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import sqlalchemy as sa

from koffert_hub import registry
from koffert_hub.alerts import tables as alert_tables
from koffert_hub.alerts.records import Alert, Kind, Priority, Reading, Symptoms
from tests.hub.box import Box
from tests.hub.kit import NOON_MS, Store
from tests.web.hub import Hub, place

ALERT = "a-1"
NAME = "Testpasient 1"


class Lent:
    """A box lent to `patient`; the hub's clock stands at noon of the boxes' tests."""

    def __init__(self, hub: Hub, store: Store) -> None:
        hub.offset_ms += NOON_MS - hub.now_ms()
        self.store = store
        self.box: Box = store.box("koffert-001")
        with store.engine.connect() as connection:
            self.patient = registry.ward(connection)[0].patient
        row = msgspec.structs.replace(place(NAME), patient=self.patient)
        hub.on_loop(lambda: hub.feed.set_patients([row], hub.sequence))

    def measure(self, *spo2_pct: float) -> list[str]:
        """Send readings a second apart; returns how the page's form names each."""
        chosen = []
        for value in spo2_pct:
            reading = self.box.reading(value)
            self.store.take(self.box.queue([reading]), at_ns=self.box.wall_ns)
            self.box.wait(1)
            chosen.append(f"{self.store.records()[-1].sequence}:{reading.id.hex()}")
        return chosen

    def raise_alert(self) -> None:
        """Put one alert with its grounds into the database."""
        alert = Alert(
            raised_ms=NOON_MS,
            priority=Priority.RED,
            cause="spo2_low",
            rule="spo2-low",
            version="1.0",
            inputs={"spo2_pct": 82.0},
            limits={"spo2_floor_pct": 84.0},
            baseline={"spo2_mean_pct": 90.5},
            text_nb="SpO₂ under 84 % to ganger",
            text_en="SpO₂ below 84 % twice",
        )
        with self.store.engine.begin() as connection:
            connection.execute(
                alert_tables.alert.insert().values(
                    id=ALERT,
                    loan=self.box.loan,
                    patient=self.patient,
                    centre=self.store.centre,
                    cause=alert.cause,
                    priority=alert.priority,
                    life="open",
                    opened_ms=NOON_MS,
                    content=msgspec.msgpack.encode(alert),
                    step=0,
                )
            )

    def answer_diary(self, at_ms: int, symptoms: Symptoms) -> None:
        """File one diary where the alert engine files them."""
        reading = Reading(at_ms, f"d-{at_ms}", at_ms, Kind.DIARY, symptoms)
        values = {"loan": self.box.loan, "id": reading.id, "patient": self.patient}
        with self.store.engine.begin() as connection:
            connection.execute(
                alert_tables.alert_reading.insert().values(
                    measured_ms=at_ms, data=msgspec.msgpack.encode(reading), **values
                )
            )

    def rows(self, table: sa.Table) -> int:
        """How many rows a table has."""
        with self.store.engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


@contextmanager
def lent(hub: Hub) -> Iterator[Lent]:
    """The patient, while the hub is served."""
    store = Store(str(hub.engine.url))
    yield Lent(hub, store)
    store.engine.dispose()
