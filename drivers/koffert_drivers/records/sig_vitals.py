"""Meters that follow the Bluetooth SIG's own services, whoever made them."""

from collections.abc import Callable

from koffert_drivers.device import (
    DONE,
    BleProfile,
    DeviceRecord,
    Kind,
    Mark,
    QualityScale,
    Recognition,
    State,
    Transport,
)
from koffert_drivers.measurement import Measurement
from koffert_drivers.parsers import sig_vitals
from koffert_drivers.records.common import (
    BATTERY,
    MAY_BOND,
    NO_CLOCK,
    ON_A_SIMULATED_RADIO,
    SETS_CLOCK,
    value_stream,
)

_THIRD_PARTY = Mark(State.TODO, "only bytes that others made for their tests are public")


def _record(
    name: str,
    kinds: tuple[Kind, ...],
    service: str,
    characteristic: str,
    decode: Callable[[bytes], Measurement],
    *,
    real_bytes: Mark,
    clock: Mark = SETS_CLOCK,
    spot: bool = True,
    limits: tuple[str, ...] = (),
) -> DeviceRecord:
    return DeviceRecord(
        id=f"sig-{name.replace(' ', '-')}",
        name=f"Bluetooth SIG {name} (service 0x{service.upper()})",
        transport=Transport.BLE,
        kinds=kinds,
        streams=(value_stream(characteristic, decode, spot=spot), BATTERY),
        recognition=Recognition(services=(service,)),
        ble=BleProfile(service=service),
        sources="the Bluetooth SIG's specification of the service",
        limits=limits,
        quality_scale=QualityScale(
            real_bytes=real_bytes,
            reconnect=ON_A_SIMULATED_RADIO,
            bonding=MAY_BOND,
            clock=clock,
            memory=Mark(
                State.EXEMPT, "what it stored comes by itself, told from live values by their times"
            ),
            battery=DONE,
        ),
    )


SIG_VITALS = (
    _record(
        "heart rate",
        (Kind.PULSE, Kind.BEAT_INTERVALS),
        "180d",
        "2a37",
        sig_vitals.decode_heart_rate,
        real_bytes=DONE,
        clock=NO_CLOCK,
        spot=False,
    ),
    _record(
        "thermometer",
        (Kind.TEMPERATURE,),
        "1809",
        "2a1c",
        sig_vitals.decode_temperature,
        real_bytes=_THIRD_PARTY,
        limits=("where on the body it was measured is not told",),
    ),
    _record(
        "blood pressure",
        (Kind.BLOOD_PRESSURE, Kind.PULSE),
        "1810",
        "2a35",
        sig_vitals.decode_blood_pressure,
        real_bytes=_THIRD_PARTY,
        limits=("an A&D UA-651BLE must be disconnected after its first bond before it sends",),
    ),
    _record(
        "weight",
        (Kind.WEIGHT,),
        "181d",
        "2a9d",
        sig_vitals.decode_weight,
        real_bytes=DONE,
    ),
)
