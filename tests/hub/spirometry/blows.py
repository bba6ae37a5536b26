"""Sessions of closed-form blows on their way into a hub's store."""

from dataclasses import replace

import numpy as np

from koffert_hub.spirometry.projection import SpirometryProjection
from koffert_wire.messages import FORCED_VOLUME, Spirometry, WaveformBlock
from koffert_wire.samples import pack_samples
from koffert_wire.topics import Lane
from tests.hub.box import Box
from tests.hub.kit import Store
from tests.signal.spirometry.closed_form import Model

RATE_HZ = 100.0


# Such a blow as a patient with moderate obstruction makes: FVC 2.8 L, FEV1 1.6 L.
MODERATE = Model(pef=4.0, tr=0.06, w=0.7, tau1=0.2, tau2=1.8, t_end=9.0)


def blow(strength: float = 1.0, *, until_s: float = 9.0) -> Model:
    """A blow of the same lungs with a share of the strength, broken off at `until_s`."""
    return replace(MODERATE, pef=MODERATE.pef * strength, t_end=until_s)


def curve(box: Box, model: Model = MODERATE) -> WaveformBlock:
    """The block of one blow as the box would send it, in whole millilitres."""
    volume_ml = np.rint(1000 * model.volume_l(model.times_s(RATE_HZ))).astype(int).tolist()
    codec, samples = pack_samples(volume_ml)
    return WaveformBlock(
        id=box.identifier(),
        at=box.now(),
        sensor="spirometer",
        sensor_serial="S1",
        waveform=FORCED_VOLUME,
        rate_hz=RATE_HZ,
        count=len(volume_ml),
        codec=codec,
        samples=samples,
    )


def session(box: Box, *curves: WaveformBlock, fev1_l: float = 1.2, grade: str = "A") -> Spirometry:
    """The message that stands above the curves."""
    return Spirometry(
        id=box.identifier(),
        at=box.now(),
        sensor="spirometer",
        sensor_serial="S1",
        values={"fev1_l": fev1_l, "fvc_l": 2.6, "pef_l_s": 3.4},
        grade_fev1=grade,
        grade_fvc="B",
        blows=len(curves),
        curves=tuple(one.id for one in curves),
    )


def send(store: Store, box: Box, *messages: WaveformBlock | Spirometry) -> None:
    """Each in a transmission of its own, as the box does, at the box's time."""
    for message in messages:
        kind = str(message.__struct_config__.tag)
        lane = Lane.VITALS if isinstance(message, Spirometry) else Lane.BULK
        store.take(box.queue([message], lane, kind=kind), at_ns=box.wall_ns)


def follow(store: Store, records: int = 500) -> None:
    """Project all that there is."""
    projection = SpirometryProjection(store.engine)
    while projection.follow(records):
        pass
