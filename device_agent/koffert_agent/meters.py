"""All meters of the box, made from its settings."""

from collections.abc import Callable

from koffert_agent.clock import Clock
from koffert_agent.intake import Intake
from koffert_agent.pipeline import Sink
from koffert_agent.sensor import Sensor
from koffert_agent.settings import SensorSettings
from koffert_drivers.table import device


def make_sensors(
    wanted: tuple[SensorSettings, ...],
    *,
    clock: Clock,
    sink: Sink,
    new_id: Callable[[], bytes],
    random: Callable[[], float],
) -> list[Sensor]:
    """The meters that stand on a serial port."""
    sensors = []
    for each in wanted:
        record = device(each.driver)
        intake = Intake(record, each.port, clock=clock, sink=sink, new_id=new_id)
        sensors.append(Sensor(record, each.port, intake, random=random))
    return sensors
