"""Which simulated voice speaks for which device and stream; every row of the device table has one."""

from collections.abc import Callable, Mapping
from functools import partial

from koffert_drivers.parsers import contec_eb, contec_sp10, viatom_o2ring
from koffert_drivers.simulated import contec, nonin, others, sig, viatom
from koffert_drivers.simulated.speaker import PromptedSpeaker, Speaker, UnpromptedSpeaker

_battery = partial(UnpromptedSpeaker, 1.0, sig.battery)

VOICES: Mapping[tuple[str, str], Callable[[], Speaker]] = {
    ("contec-v7", "live"): contec.ContecV7Speaker,
    ("contec-5byte", "live"): partial(UnpromptedSpeaker, 60.0, contec.five_byte_frame),
    ("nonin-serial", "df2"): partial(nonin.NoninWaveformSpeaker, 2),
    ("nonin-serial", "df7"): partial(nonin.NoninWaveformSpeaker, 7),
    ("nonin-serial", "df8"): partial(UnpromptedSpeaker, 1.0, nonin.df8_frame),
    ("nonin-serial", "df13"): partial(UnpromptedSpeaker, 1.0, nonin.df13_frame),
    ("plx", "2a5f"): partial(UnpromptedSpeaker, 1.0, sig.plx_continuous),
    ("plx", "2a5e"): partial(UnpromptedSpeaker, 1.0, sig.plx_spot_check),
    ("plx", "2a19"): _battery,
    ("nonin-ble", "continuous"): partial(UnpromptedSpeaker, 1.0, nonin.ble_continuous),
    ("nonin-ble", "ppg"): partial(UnpromptedSpeaker, 3.0, nonin.ble_ppg),
    ("nonin-ble", "intervals"): partial(UnpromptedSpeaker, 1.0, nonin.ble_intervals),
    ("nonin-ble", "status"): partial(UnpromptedSpeaker, 1.0, nonin.ble_status),
    ("nonin-ble", "2a19"): _battery,
    ("contec-eb", "live"): partial(
        PromptedSpeaker, 60.0, contec.eb_frames, prompt=contec_eb.START_LIVE
    ),
    ("berrymed-bci", "live"): partial(UnpromptedSpeaker, 100.0, others.berrymed_frame),
    ("viatom-o2ring", "live"): viatom.O2RingSpeaker,
    ("viatom-o2ring", "sensors"): partial(
        PromptedSpeaker, 1.0, viatom.o2ring_sensors, prompt=viatom_o2ring.READ_SENSORS, frames=1
    ),
    ("viatom-pc60fw", "live"): partial(UnpromptedSpeaker, 10.0, viatom.pc60fw_frames),
    ("jumper-jpd500f", "live"): partial(UnpromptedSpeaker, 1.0, others.jumper_frame),
    ("vitalograph-lung-monitor", "blow"): others.LungMonitorSpeaker,
    ("contec-sp10", "blows"): partial(
        PromptedSpeaker, 10.0, contec.sp10_blow, prompt=contec_sp10.READ_BLOWS
    ),
    ("flow-lines", "flow"): others.FlowSpeaker,
    ("sig-heart-rate", "2a37"): partial(UnpromptedSpeaker, 1.0, sig.heart_rate),
    ("sig-heart-rate", "2a19"): _battery,
    ("sig-thermometer", "2a1c"): partial(UnpromptedSpeaker, 1.0, sig.thermometer),
    ("sig-thermometer", "2a19"): _battery,
    ("sig-blood-pressure", "2a35"): partial(UnpromptedSpeaker, 1.0, sig.blood_pressure),
    ("sig-blood-pressure", "2a19"): _battery,
    ("sig-weight", "2a9d"): partial(UnpromptedSpeaker, 1.0, sig.weight),
    ("sig-weight", "2a19"): _battery,
}


def voice(device_id: str, stream: str) -> Speaker:
    """A new voice for that stream."""
    return VOICES[device_id, stream]()
