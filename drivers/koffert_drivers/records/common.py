"""What several rows of the device table share."""

from collections.abc import Callable

from koffert_drivers.device import Mark, State, Stream
from koffert_drivers.measurement import Measurement
from koffert_drivers.parser import PacketParser
from koffert_drivers.parsers.sig_vitals import decode_battery

NO_BOND = Mark(State.EXEMPT, "the device neither asks for a bond nor keeps one")
NO_BATTERY = Mark(State.EXEMPT, "the protocol tells nothing of the battery")
NO_CLOCK = Mark(State.EXEMPT, "live values carry no time; the box stamps them")
NO_REAL_BYTES = Mark(State.TODO, "no bytes recorded from a device are public")
ON_A_SIMULATED_RADIO = Mark(
    State.TODO, "tried with unmodified bleak on a simulated bluetoothd, not on the device"
)
MAY_BOND = Mark(
    State.EXEMPT, "a bond is made where the device asks for one; the service itself needs none"
)
SETS_CLOCK = Mark(
    State.TODO, "read, compared and set through 0x1805 where the device has it; not tried on one"
)

NO_MEMORY = Mark(State.EXEMPT, "the protocol tells nothing of a memory")


def value_stream(
    name: str,
    decode: Callable[[bytes], Measurement],
    characteristic: str | None = None,
    *,
    spot: bool = False,
    unheeded: bool = False,
) -> Stream:
    """A characteristic whose values are whole; `name` is its short UUID when it is one of the SIG."""
    return Stream(
        name,
        lambda: PacketParser(decode),
        characteristic=characteristic or name,
        whole_values=True,
        spot=spot,
        unheeded=unheeded,
    )


BATTERY = value_stream("2a19", decode_battery, spot=True)
