"""Which simulated voice speaks for which device and stream; every row of the device table has one."""

from collections.abc import Callable

from koffert_drivers.simulated.contec import ContecV7Speaker
from koffert_drivers.simulated.nonin import NoninWaveformSpeaker
from koffert_drivers.simulated.speaker import Speaker

VOICES: dict[tuple[str, str], Callable[[], Speaker]] = {
    ("contec-v7", "live"): ContecV7Speaker,
    ("nonin-serial", "df2"): lambda: NoninWaveformSpeaker(2),
    ("nonin-serial", "df7"): lambda: NoninWaveformSpeaker(7),
}


def voice(device_id: str, stream: str) -> Speaker:
    """A new voice for that stream."""
    return VOICES[device_id, stream]()
