"""What every reader hands on: the samples as the cart stored them, and all that it said about them."""

from __future__ import annotations

from datetime import date, datetime
from enum import Enum

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Samples = npt.NDArray[np.int32]

# A sample that the device did not take, for instance while the lead was off.
NO_SAMPLE = -(2**31)


class Format(Enum):
    """The file formats, named as in logs."""

    SCP_ECG = "scp-ecg"
    DICOM = "dicom"
    AECG = "hl7-aecg"
    LIFEPAK = "lifepak-codestat"
    MUSE = "ge-muse"
    PHILIPS = "philips-sierra"
    WFDB = "wfdb"
    EDF = "edf"
    PDF = "pdf"
    TIFF = "tiff"


class Sex(Enum):
    """As the cart has it; OTHER is what it calls neither."""

    MALE = "M"
    FEMALE = "F"
    OTHER = "O"


class PatientIdentity(Struct, frozen=True, kw_only=True):
    """Who the cart believes this is: health data, kept apart from the signal and never logged.

    Its printed form is blank, so that a traceback or a log line holds no name.
    """

    patient_id: str = ""
    family_name: str = ""
    given_name: str = ""
    birth_date: date | None = None
    sex: Sex | None = None
    age_y: float | None = None

    def __repr__(self) -> str:
        return "PatientIdentity(…)"


class Device(Struct, frozen=True, kw_only=True):
    """The cart, in its own words."""

    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    software: str = ""


class Filters(Struct, frozen=True, kw_only=True):
    """What the cart did to the samples before it stored them, in Hz; None where it does not say."""

    high_pass_hz: float | None = None
    low_pass_hz: float | None = None
    notch_hz: float | None = None


class Measurements(Struct, frozen=True, kw_only=True):
    """The cart's own numbers, as delivered and unconfirmed; None where it gives none."""

    heart_rate_bpm: float | None = None
    rr_ms: float | None = None
    pr_ms: float | None = None
    qrs_ms: float | None = None
    qt_ms: float | None = None
    qtc_ms: float | None = None
    p_axis_deg: float | None = None
    qrs_axis_deg: float | None = None
    t_axis_deg: float | None = None


class Lead(Struct, frozen=True, eq=False):
    """One lead: whole numbers as stored, and the size of one in microvolts.

    `start_s` counts from `recorded_at`; a recording in pieces has several leads of one name. A derived
    lead was not in the file but follows exactly from leads I and II.
    """

    name: str
    samples: Samples
    gain_uv: float
    start_s: float = 0.0
    derived: bool = False

    def microvolts(self) -> npt.NDArray[np.float64]:
        """Return the samples in microvolts, NaN where there is none."""
        values = self.samples.astype(np.float64) * self.gain_uv
        values[self.samples == NO_SAMPLE] = np.nan
        return values


class EcgStill(Struct, frozen=True, eq=False, kw_only=True):
    """One ECG as recorded. `recorded_at` is the cart's clock, which may be wrong and often has no zone.

    `statements` are the cart's own sentences, unconfirmed; `notes` say where the file had to be
    read with care. `pacing_spikes_s` are those that the cart saw, where its format tells.
    """

    format: Format
    rate_hz: float
    leads: tuple[Lead, ...]
    recorded_at: datetime | None = None
    device: Device = Device()
    filters: Filters = Filters()
    measurements: Measurements = Measurements()
    statements: tuple[str, ...] = ()
    pacing_spikes_s: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    patient: PatientIdentity = PatientIdentity()

    def lead(self, name: str) -> Lead:
        """Return the first lead of that name; KeyError for none."""
        for lead in self.leads:
            if lead.name == name:
                return lead
        raise KeyError(name)


class StillDocument(Struct, frozen=True, kw_only=True):
    """A page that a person reads: kept byte for byte, never measured from. `pages` is None if unknown."""

    format: Format
    media_type: str
    pages: int | None
