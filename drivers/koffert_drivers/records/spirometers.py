"""Spirometers."""

from koffert_drivers.device import (
    BleProfile,
    Conversation,
    DeviceRecord,
    Kind,
    Mark,
    QualityScale,
    Recognition,
    SerialSettings,
    State,
    Stream,
    Transport,
)
from koffert_drivers.parser import StreamParser
from koffert_drivers.parsers import contec_sp10, vitalograph_lung_monitor
from koffert_drivers.records.common import MAY_BOND, NO_BATTERY, NO_REAL_BYTES, ON_A_SIMULATED_RADIO

VITALOGRAPH_LUNG_MONITOR = DeviceRecord(
    id="vitalograph-lung-monitor",
    name="Vitalograph Lung Monitor and COPD-6 bt (classic Bluetooth)",
    transport=Transport.SERIAL,
    kinds=(Kind.SPIROMETRY,),
    streams=(
        Stream(
            "blow",
            lambda: StreamParser(vitalograph_lung_monitor.VitalographLungMonitor()),
            spot=True,
            conversation=Conversation(
                acknowledge=vitalograph_lung_monitor.ACKNOWLEDGE,
                refuse=vitalograph_lung_monitor.REFUSE,
            ),
        ),
    ),
    recognition=Recognition(names=("LUNG_",), ouis=("10:00:E8",)),
    # The serial port profile carries bytes alone; the line's settings have no effect on it.
    serial=SerialSettings(baud_rate=9600),
    sources="an open client of a telemedicine programme, with its tests",
    limits=("one blow in each transmission, without a curve and without peak flow",),
    quality_scale=QualityScale(
        real_bytes=Mark(State.TODO, "only a probable capture is public"),
        reconnect=Mark(State.TODO, "tried on a simulated line, not on the device"),
        bonding=Mark(
            State.TODO, "the serial port profile is bound by hand, with bluetoothctl and rfcomm"
        ),
        clock=Mark(State.TODO, "the device's time is read; no source says how to set it"),
        battery=NO_BATTERY,
    ),
)

CONTEC_SP10 = DeviceRecord(
    id="contec-sp10",
    name="Contec SP10W and SP10BT",
    transport=Transport.BLE,
    kinds=(Kind.SPIROMETRY,),
    streams=(
        Stream(
            "blows",
            lambda: StreamParser(contec_sp10.ContecSp10()),
            spot=True,
            characteristic="ff02",
            conversation=Conversation(
                on_connect=(contec_sp10.READ_STORAGE, contec_sp10.READ_BLOWS)
            ),
        ),
    ),
    recognition=Recognition(names=("SP10",)),
    ble=BleProfile(service="ff12", write_characteristic="ff01"),
    sources="the vendor's app as others describe it",
    limits=(
        "the unit, sign and time step of the curve are hidden in the vendor's app: numbers only",
        "the service and characteristics are those of the maker's other devices, not confirmed here",
    ),
    quality_scale=QualityScale(
        real_bytes=NO_REAL_BYTES,
        reconnect=ON_A_SIMULATED_RADIO,
        bonding=MAY_BOND,
        clock=Mark(State.TODO, "the device's time is read; setting it is not wired in"),
        battery=NO_BATTERY,
    ),
)

SPIROMETERS = (VITALOGRAPH_LUNG_MONITOR, CONTEC_SP10)
