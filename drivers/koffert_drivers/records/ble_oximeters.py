"""Oximeters over Bluetooth Low Energy."""

from koffert_drivers.device import (
    DONE,
    BleProfile,
    Conversation,
    DeviceRecord,
    Kind,
    Mark,
    Memory,
    QualityScale,
    Recognition,
    State,
    Stream,
    Transport,
)
from koffert_drivers.parser import PacketParser, StreamParser
from koffert_drivers.parsers import contec_eb, jumper_jpd500f, nonin_ble, plx, viatom_o2ring
from koffert_drivers.parsers.berrymed_bci import BerryMedBci
from koffert_drivers.parsers.viatom_pc60fw import ViatomPc60fw
from koffert_drivers.records.common import (
    BATTERY,
    MAY_BOND,
    NO_BATTERY,
    NO_BOND,
    NO_CLOCK,
    NO_MEMORY,
    NO_REAL_BYTES,
    ON_A_SIMULATED_RADIO,
    SETS_CLOCK,
    value_stream,
)

PLX = DeviceRecord(
    id="plx",
    name="Bluetooth SIG pulse oximeter (service 0x1822)",
    transport=Transport.BLE,
    kinds=(Kind.SPO2, Kind.PULSE),
    streams=(
        value_stream("2a5f", plx.decode_continuous),
        value_stream("2a5e", plx.decode_spot_check, spot=True),
        BATTERY,
    ),
    recognition=Recognition(services=("1822",)),
    ble=BleProfile(service="1822", write_characteristic="2a52", memory=Memory.ACCESS_POINT),
    sources="the Bluetooth SIG's Pulse Oximeter Service 1.0.1",
    quality_scale=QualityScale(
        real_bytes=DONE,
        reconnect=ON_A_SIMULATED_RADIO,
        bonding=MAY_BOND,
        clock=SETS_CLOCK,
        memory=Mark(State.TODO, "read, dated and erased through 0x2A52; not tried on a device"),
        battery=DONE,
    ),
)

_NONIN_SERVICE = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"

NONIN_BLE = DeviceRecord(
    id="nonin-ble",
    name="Nonin 3230 and 3150 BLE",
    transport=Transport.BLE,
    kinds=(Kind.SPO2, Kind.PULSE, Kind.PPG, Kind.BEAT_INTERVALS),
    streams=(
        value_stream(
            "continuous", nonin_ble.decode_continuous, "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
        ),
        Stream(
            "ppg",
            lambda: PacketParser(nonin_ble.decode_ppg),
            waveform_rate_hz=75.0,
            characteristic="ec0a883a-4d24-11e7-b114-b2f933d5fe66",
            whole_values=True,
        ),
        value_stream(
            "intervals",
            nonin_ble.decode_intervals,
            "34e27863-76ff-4f8e-96f1-9e3993aa6199",
            unheeded=True,  # the wire has no place for the times between beats
        ),
        value_stream("status", nonin_ble.decode_status, "ec0a9302-4d24-11e7-b114-b2f933d5fe66"),
        BATTERY,
    ),
    recognition=Recognition(names=("Nonin3230_", "Nonin3150_"), services=(_NONIN_SERVICE,)),
    ble=BleProfile(
        service=_NONIN_SERVICE,
        write_characteristic="1447af80-0d60-11e2-88b6-0002a5d5c51b",
        needs_bond=True,
    ),
    sources="the vendor's published sample, with which four independent clients agree",
    limits=("no frame recorded from a device is public; tests are synthetic",),
    quality_scale=QualityScale(
        real_bytes=NO_REAL_BYTES,
        reconnect=ON_A_SIMULATED_RADIO,
        bonding=ON_A_SIMULATED_RADIO,
        clock=NO_CLOCK,
        memory=Mark(State.EXEMPT, "the bytes of its memory playback are not public"),
        battery=DONE,
    ),
)

CONTEC_EB = DeviceRecord(
    id="contec-eb",
    name='Contec CMS50D-BT and newer CMS50E ("EB" stream)',
    transport=Transport.BLE,
    kinds=(Kind.SPO2, Kind.PULSE, Kind.PPG),
    streams=(
        Stream(
            "live",
            lambda: StreamParser(contec_eb.ContecEb()),
            waveform_rate_hz=60.0,
            characteristic="ff02",
            conversation=Conversation(
                on_connect=(
                    contec_eb.HELLO,
                    contec_eb.VERSION,
                    contec_eb.PREPARE,
                    contec_eb.START_LIVE,
                ),
                # The stream stops within a minute unless it is started again.
                keep_alive=contec_eb.START_LIVE,
                keep_alive_s=contec_eb.KEEP_ALIVE_S,
                on_disconnect=(contec_eb.STOP_LIVE,),
            ),
        ),
    ),
    recognition=Recognition(services=("ff12",)),
    ble=BleProfile(service="ff12", write_characteristic="ff01"),
    sources="an independent driver, its captures, and the vendor's app as others describe it",
    limits=(
        "no source says where the high bit of a pulse above 127 is: such a pulse may read too low",
        "no source says which bits mean that the finger is away",
    ),
    quality_scale=QualityScale(
        real_bytes=DONE,
        reconnect=ON_A_SIMULATED_RADIO,
        bonding=NO_BOND,
        clock=NO_CLOCK,
        memory=Mark(State.EXEMPT, "no source gives the type byte that asks for stored records"),
        battery=NO_BATTERY,
    ),
)

BERRYMED_BCI = DeviceRecord(
    id="berrymed-bci",
    name="BerryMed (BCI protocol 1.2)",
    transport=Transport.BLE,
    kinds=(Kind.SPO2, Kind.PULSE, Kind.PPG),
    streams=(
        Stream(
            "live",
            lambda: StreamParser(BerryMedBci()),
            waveform_rate_hz=100.0,
            characteristic="49535343-1e4d-4bd9-ba61-23c647249616",
        ),
    ),
    # The advert has the name and no service.
    recognition=Recognition(names=("BerryMed",), ouis=("00:A0:50",)),
    ble=BleProfile(service="49535343-fe7d-4ae5-8fa9-9fafd205e455"),
    sources="the vendor's BCI protocol V1.2, and two open clients",
    limits=(
        "the protocol has no checksum: a flipped bit inside a frame is not noticed",
        "only an advert is recorded from a device; tests of values are synthetic",
    ),
    quality_scale=QualityScale(
        real_bytes=NO_REAL_BYTES,
        reconnect=ON_A_SIMULATED_RADIO,
        bonding=NO_BOND,
        clock=NO_CLOCK,
        memory=NO_MEMORY,
        battery=NO_BATTERY,
    ),
)


def _o2ring(name: str, request: bytes, rate_hz: float | None) -> Stream:
    return Stream(
        name,
        lambda: StreamParser(viatom_o2ring.ViatomO2Ring()),
        waveform_rate_hz=rate_hz,
        characteristic="0734594a-a8e7-4b1a-a6b1-cd5243059a57",
        conversation=Conversation(
            on_connect=(request,), keep_alive=request, keep_alive_s=viatom_o2ring.POLL_S
        ),
    )


VIATOM_O2RING = DeviceRecord(
    id="viatom-o2ring",
    name="Viatom and Wellue O2Ring (classic)",
    transport=Transport.BLE,
    kinds=(Kind.SPO2, Kind.PULSE, Kind.PPG),
    streams=(
        _o2ring("live", viatom_o2ring.READ_LIVE, viatom_o2ring.LIVE_RATE_HZ),
        _o2ring("sensors", viatom_o2ring.READ_SENSORS, None),
    ),
    recognition=Recognition(names=("O2Ring",), services=("14839ac4-7d7e-415c-9a42-167340cf2339",)),
    ble=BleProfile(
        service="14839ac4-7d7e-415c-9a42-167340cf2339",
        write_characteristic="8b00ace7-eb0b-49b0-bbe9-9aee0a26e1a3",
        memory=Memory.RING_FILES,
    ),
    sources="three independent clients and their captures",
    limits=(
        "stored nights are fetched while nobody wears the ring",
        "the scale of the perfusion byte is not public, so it is left out",
        "the O2Ring-S speaks another protocol",
    ),
    quality_scale=QualityScale(
        real_bytes=DONE,
        reconnect=ON_A_SIMULATED_RADIO,
        bonding=NO_BOND,
        clock=Mark(State.TODO, "read and set; not tried on a ring"),
        memory=Mark(
            State.TODO,
            "its files are read and dated by its clock; not tried on a ring, and nothing public erases them",
        ),
        battery=DONE,
    ),
)

VIATOM_PC60FW = DeviceRecord(
    id="viatom-pc60fw",
    name="Viatom PC-60FW",
    transport=Transport.BLE,
    kinds=(Kind.SPO2, Kind.PULSE, Kind.PPG),
    streams=(
        Stream(
            "live",
            lambda: StreamParser(ViatomPc60fw()),
            characteristic="6e400003-b5a3-f393-e0a9-e50e24dcca9e",
        ),
    ),
    # Its service is the Nordic UART, which many unlike devices have.
    recognition=Recognition(names=("PC-60F",)),
    ble=BleProfile(
        service="6e400001-b5a3-f393-e0a9-e50e24dcca9e",
        write_characteristic="6e400002-b5a3-f393-e0a9-e50e24dcca9e",
    ),
    sources="two independent clients and their captures, and the vendor's kit for app makers",
    limits=(
        "the vendor's kit says 50 Hz for the waveform and four levels for the battery; untried, so neither is used",
    ),
    quality_scale=QualityScale(
        real_bytes=DONE,
        reconnect=ON_A_SIMULATED_RADIO,
        bonding=NO_BOND,
        clock=NO_CLOCK,
        memory=NO_MEMORY,
        battery=Mark(State.TODO, "four levels by the vendor's kit, untried"),
    ),
)

JUMPER_JPD500F = DeviceRecord(
    id="jumper-jpd500f",
    name="Jumper JPD-500F and PLS-01BT",
    transport=Transport.BLE,
    kinds=(Kind.SPO2, Kind.PULSE),
    streams=(value_stream("live", jumper_jpd500f.decode, "cdeacb81-5235-4c07-8846-93a37ee6b86d"),),
    recognition=Recognition(
        names=("My Oximeter", "JPD-500F", "PLS-01BT"),
        services=("cdeacb80-5235-4c07-8846-93a37ee6b86d",),
    ),
    ble=BleProfile(
        service="cdeacb80-5235-4c07-8846-93a37ee6b86d",
        write_characteristic="cdeacb82-5235-4c07-8846-93a37ee6b86d",
    ),
    sources="three independent clients",
    limits=(
        "the protocol has no checksum: a flipped bit inside a frame is not noticed",
        "the rate of the waveform is not public, so its samples cannot be drawn over time",
    ),
    quality_scale=QualityScale(
        real_bytes=Mark(State.TODO, "only a probable capture is public"),
        reconnect=ON_A_SIMULATED_RADIO,
        bonding=NO_BOND,
        clock=NO_CLOCK,
        memory=NO_MEMORY,
        battery=NO_BATTERY,
    ),
)

BLE_OXIMETERS = (
    PLX,
    NONIN_BLE,
    CONTEC_EB,
    BERRYMED_BCI,
    VIATOM_O2RING,
    VIATOM_PC60FW,
    JUMPER_JPD500F,
)
