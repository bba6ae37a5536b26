"""BerryMed's BCI protocol 1.2: frames of five bytes, 100 a second, several in one notification.

Source: the vendor's "BCI Protocol V1.2". No checksum.
"""

from koffert_drivers.measurement import (
    Event,
    Flag,
    Measurement,
    flags_set,
    judged_oximetry,
    rate,
    saturation,
)
from koffert_drivers.parser import Cut, StreamFormat
from koffert_drivers.parsers.five_bytes import FRAME_BYTES, cut_five_bytes, five_bytes

_STATUS_FLAGS = {4: Flag.NO_SIGNAL, 5: Flag.SENSOR_DISCONNECTED}
_BAR_FLAGS = {4: Flag.NO_FINGER, 5: Flag.SEARCHING}
_AWAY = frozenset({Flag.NO_FINGER, Flag.SENSOR_DISCONNECTED})


class BerryMedBci(StreamFormat):
    """The frames, over however many notifications."""

    longest_bytes = FRAME_BYTES

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        return cut_five_bytes(buffer, start)

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        fields = five_bytes(frame)
        flags = flags_set(fields.status, _STATUS_FLAGS) + flags_set(fields.bar, _BAR_FLAGS)
        return [
            judged_oximetry(
                Measurement(
                    spo2_pct=saturation(fields.spo2_pct),
                    pulse_bpm=rate(fields.pulse_bpm),
                    waveform=(fields.wave,),
                    finger=_AWAY.isdisjoint(flags),
                    flags=flags,
                )
            )
        ]

    def interrupted(self) -> list[Event]:
        """See StreamFormat."""
        return []
