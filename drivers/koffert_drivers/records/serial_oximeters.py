"""Oximeters on a serial line: a USB cable or the serial port profile of classic Bluetooth."""

from koffert_drivers.device import (
    DONE,
    Conversation,
    DeviceRecord,
    Kind,
    Mark,
    Parity,
    QualityScale,
    Recognition,
    SerialSettings,
    State,
    Stream,
    Transport,
)
from koffert_drivers.parser import StreamParser
from koffert_drivers.parsers import contec_v7
from koffert_drivers.parsers.contec_5byte import Contec5Byte
from koffert_drivers.parsers.nonin_commands import set_format
from koffert_drivers.parsers.nonin_numbers import NoninDf8, NoninDf13
from koffert_drivers.parsers.nonin_waveform import FRAMES_PER_S, NoninFrame, NoninWaveform

_CABLE = Mark(State.EXEMPT, "a cable has no bond")
_NO_BATTERY = Mark(State.EXEMPT, "the protocol tells nothing of the battery")
_NO_CLOCK = Mark(State.EXEMPT, "live values carry no time; the box stamps them")
_NO_HARDWARE = Mark(State.TODO, "not yet tried on the device itself")

CONTEC_V7 = DeviceRecord(
    id="contec-v7",
    name="Contec CMS50 (protocol V7.0: D+ 4.6, E, F, EW, IW, CMS60)",
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
    recognition=Recognition(names=("SpO2",)),
    # The USB chip (CP210x) sits in the cable: a port is there with no device on it.
    serial=SerialSettings(baud_rate=115_200, usb_ids=((0x10C4, 0xEA60),)),
    sources="the vendor's protocol text V7.0 of 2010, and captures of a D+",
    limits=(
        "the protocol has no checksum: a flipped bit inside a packet is not noticed",
        "stored records carry no time that the driver reads",
    ),
    quality_scale=QualityScale(
        real_bytes=DONE,
        reconnect=_NO_HARDWARE,
        bonding=Mark(State.TODO, "only the models with Bluetooth bond"),
        clock=_NO_CLOCK,
        memory=Mark(
            State.TODO,
            "stored packets are decoded and not asked for: no clock can be read, so none could be proved to be of a loan",
        ),
        battery=_NO_BATTERY,
    ),
)

CONTEC_5BYTE = DeviceRecord(
    id="contec-5byte",
    name="Contec CMS50 (old protocol: CMS50D, D+ up to 4.5, old E)",
    transport=Transport.SERIAL,
    kinds=(Kind.SPO2, Kind.PULSE, Kind.PPG),
    streams=(Stream("live", lambda: StreamParser(Contec5Byte()), waveform_rate_hz=60.0),),
    # The vendor's text says 4800 baud; the devices that others drive speak 19200.
    serial=SerialSettings(
        baud_rate=19_200,
        parity=Parity.ODD,
        usb_ids=((0x10C4, 0xEA60),),
        other_baud_rates=(4800,),
    ),
    sources="the vendor's protocol text V5.0A, and two independent drivers",
    limits=(
        "the protocol has no checksum: a flipped bit inside a frame is not noticed",
        "stored records have no time of their own",
        "the vendor's text gives 4800 baud, drivers use 19200",
    ),
    quality_scale=QualityScale(
        real_bytes=DONE,
        reconnect=_NO_HARDWARE,
        bonding=_CABLE,
        clock=_NO_CLOCK,
        memory=Mark(
            State.EXEMPT, "stored seconds bear no time: none could be proved to be of a loan"
        ),
        battery=_NO_BATTERY,
    ),
)


def _asked(number: int) -> Conversation:
    return Conversation(on_connect=(set_format(number),))


def _waveform(number: int, *, wide: bool) -> Stream:
    return Stream(
        f"df{number}",
        lambda: StreamParser(NoninWaveform(NoninFrame(wide=wide))),
        waveform_rate_hz=FRAMES_PER_S,
        conversation=_asked(number),
    )


NONIN_SERIAL = DeviceRecord(
    id="nonin-serial",
    name="Nonin 9560, Xpod, OEM III, 3150 (serial data formats 2, 7, 8, 13)",
    transport=Transport.SERIAL,
    kinds=(Kind.SPO2, Kind.PULSE, Kind.PPG),
    streams=(
        _waveform(2, wide=False),
        _waveform(7, wide=True),
        Stream("df8", lambda: StreamParser(NoninDf8()), conversation=_asked(8)),
        Stream("df13", lambda: StreamParser(NoninDf13()), conversation=_asked(13), spot=True),
    ),
    recognition=Recognition(names=("Nonin_Medical_Inc._",), ouis=("00:1C:05",)),
    # The Xpod 3012LP is an FTDI cable.
    serial=SerialSettings(baud_rate=9600, usb_ids=((0x0403, 0x6001),)),
    sources="the vendor's 9560 Bluetooth specification 6470-000-01, and open clients",
    limits=(
        "the data format is heard in the first 5 s after connecting only",
        "format 8 has no checksum",
    ),
    quality_scale=QualityScale(
        real_bytes=Mark(State.TODO, "format 2 from a device; 7, 8 and 13 from texts and tests"),
        reconnect=_NO_HARDWARE,
        bonding=Mark(State.TODO, "the 9560 asks for the six digits on its battery door"),
        clock=Mark(State.TODO, "format 13 carries the device's time; setting it is not wired in"),
        memory=Mark(
            State.TODO,
            "a 9560 sends its spot checks by itself, marked as stored; the dump of a 3150 has one source and no clock",
        ),
        battery=DONE,
    ),
)

SERIAL_OXIMETERS = (CONTEC_V7, CONTEC_5BYTE, NONIN_SERIAL)
