"""Oximeters on a serial line: a USB cable or the serial port profile of classic Bluetooth."""

from koffert_drivers.device import (
    DONE,
    Conversation,
    DeviceRecord,
    Kind,
    Mark,
    QualityScale,
    SerialSettings,
    State,
    Stream,
    Transport,
)
from koffert_drivers.parser import StreamParser
from koffert_drivers.parsers import contec_v7
from koffert_drivers.parsers.nonin_waveform import (
    FRAMES_PER_S,
    NoninFrame,
    NoninWaveform,
    set_format,
)

_CABLE = Mark(State.EXEMPT, "a cable has no bond")
_NO_BATTERY = Mark(State.EXEMPT, "the protocol tells nothing of the battery")
_NO_CLOCK = Mark(State.EXEMPT, "live values carry no time")

CONTEC_V7 = DeviceRecord(
    id="contec-v7",
    name="Contec CMS50 (protocol V7.0)",
    transport=Transport.SERIAL,
    kinds=(Kind.SPO2, Kind.PULSE, Kind.PPG),
    streams=(
        Stream(
            "live",
            lambda: StreamParser(contec_v7.ContecV7()),
            waveform_rate_hz=60.0,
            conversation=Conversation(
                on_connect=(contec_v7.START_LIVE,),
                keep_alive=contec_v7.KEEP_ALIVE,
                keep_alive_s=contec_v7.KEEP_ALIVE_S,
                on_disconnect=(contec_v7.STOP_LIVE,),
            ),
        ),
    ),
    # The USB chip (CP210x) sits in the cable: a port is there with no device on it.
    serial=SerialSettings(baud_rate=115_200, usb_ids=((0x10C4, 0xEA60),)),
    quality_scale=QualityScale(
        real_bytes=DONE,
        reconnect=DONE,
        bonding=_CABLE,
        clock=_NO_CLOCK,
        battery=_NO_BATTERY,
    ),
)


def _waveform_stream(number: int, *, wide: bool) -> Stream:
    return Stream(
        f"df{number}",
        lambda: StreamParser(NoninWaveform(NoninFrame(wide=wide))),
        waveform_rate_hz=FRAMES_PER_S,
        conversation=Conversation(on_connect=(set_format(number),)),
    )


NONIN_SERIAL = DeviceRecord(
    id="nonin-serial",
    name="Nonin 9560, Xpod, OEM III, 3150 (serial data formats)",
    transport=Transport.SERIAL,
    kinds=(Kind.SPO2, Kind.PULSE, Kind.PPG),
    streams=(_waveform_stream(2, wide=False), _waveform_stream(7, wide=True)),
    # The Xpod 3012LP is an FTDI cable.
    serial=SerialSettings(baud_rate=9600, usb_ids=((0x0403, 0x6001),)),
    quality_scale=QualityScale(
        real_bytes=DONE,
        reconnect=DONE,
        bonding=Mark(State.TODO, "the 9560 asks for the six digits on its battery door"),
        clock=_NO_CLOCK,
        battery=DONE,
    ),
)

SERIAL_OXIMETERS = (CONTEC_V7, NONIN_SERIAL)
