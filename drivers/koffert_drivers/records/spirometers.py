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
    Waveform,
)
from koffert_drivers.parser import StreamParser
from koffert_drivers.parsers import contec_sp10, flow_lines, vitalograph_lung_monitor
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
        memory=Mark(State.EXEMPT, "a blow is sent until it is acknowledged, and then forgotten"),
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
        memory=Mark(
            State.TODO,
            "stored blows are read; its clock is not, so they are quarantined; erasing is not wired in",
        ),
        battery=NO_BATTERY,
    ),
)

FLOW_LINES = DeviceRecord(
    id="flow-lines",
    name="Flow sensor that tells its samples as lines",
    transport=Transport.SERIAL,
    kinds=(Kind.SPIROMETRY,),
    streams=(
        Stream(
            "flow",
            lambda: StreamParser(flow_lines.FlowLines()),
            waveform_rate_hz=flow_lines.RATE_HZ,
            waveform=Waveform.FLOW,
            # It is switched on for a blow and off again.
            spot=True,
        ),
    ),
    serial=SerialSettings(baud_rate=115200),
    sources="our own format: no spirometer with an open protocol streams its curve",
    limits=(
        "a maker's closed library, or a sensor's own board, must be made to speak these lines",
        "flow is believed as it comes: calibration and BTPS are the sensor's business",
        "only the blows of a guided session on the box's screen are kept",
    ),
    quality_scale=QualityScale(
        real_bytes=Mark(State.EXEMPT, "no device speaks it by itself"),
        reconnect=Mark(State.TODO, "tried on a simulated line, not on a device"),
        bonding=Mark(State.EXEMPT, "a serial line needs none"),
        clock=Mark(State.EXEMPT, "the samples are read as they come"),
        memory=Mark(State.EXEMPT, "a stream of samples stores nothing"),
        battery=NO_BATTERY,
    ),
)

SPIROMETERS = (VITALOGRAPH_LUNG_MONITOR, CONTEC_SP10, FLOW_LINES)
