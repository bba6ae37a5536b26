"""DICOM stills written through pydicom, sound and bent."""

from __future__ import annotations

import logging
import warnings
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from koffert_drivers.stills.errors import DamagedStill, StillError, TooLarge, UnsupportedStill
from koffert_drivers.stills.leads import STANDARD_ORDER
from koffert_drivers.stills.reader import read_still
from koffert_drivers.stills.records import EcgStill
from tests.drivers.stills import samples

TWELVE_LEAD = "1.2.840.10008.5.1.4.1.1.9.1.1"
TWELVE = samples.beats(12)


def code(value: str, meaning: str, scheme: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodeMeaning, item.CodingSchemeDesignator = value, meaning, scheme
    return Sequence([item])


def channel(name: str, **changes: Any) -> Dataset:
    made = Dataset()
    made.ChannelSourceSequence = code("x", f"Lead {name}", "MDC")
    made.ChannelSensitivity = "2.5"
    made.ChannelSensitivityUnitsSequence = code("uV", "microvolt", "UCUM")
    made.FilterHighFrequency = "150"
    for keyword, value in changes.items():
        setattr(made, keyword, value)
    return made


def dicom(bend: Any = lambda _data, _rhythm: None, **changes: Any) -> bytes:
    rhythm = Dataset()
    rhythm.WaveformOriginality = "ORIGINAL"
    rhythm.NumberOfWaveformChannels, rhythm.NumberOfWaveformSamples = 12, TWELVE[0].size
    rhythm.SamplingFrequency = "500"
    rhythm.WaveformBitsAllocated, rhythm.WaveformSampleInterpretation = 16, "SS"
    rhythm.ChannelDefinitionSequence = Sequence([channel(n, **changes) for n in STANDARD_ORDER])
    rhythm.add_new(0x54001010, "OW", np.stack(TWELVE, axis=1).astype("<i2").tobytes())
    data = Dataset()
    data.SOPClassUID = TWELVE_LEAD
    data.AcquisitionDateTime = "20260304050607"
    data.PatientName, data.PatientID, data.PatientSex = "Testpasient 1^A", "T-1", "F"
    data.WaveformSequence = Sequence([rhythm])
    bend(data, rhythm)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = UID(TWELVE_LEAD)
    data.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    out = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_samples_words_and_identity() -> None:
    still = read_still(dicom())
    assert isinstance(still, EcgStill)
    for name, expected in zip(STANDARD_ORDER, TWELVE, strict=True):
        assert np.array_equal(still.lead(name).samples, expected)
    assert (still.rate_hz, still.lead("V1").gain_uv) == (500.0, 2.5)
    assert still.filters.low_pass_hz == 150.0
    assert (still.patient.family_name, still.patient.given_name) == ("Testpasient 1", "A")


def test_a_baseline_of_whole_units_is_added() -> None:
    still = read_still(dicom(ChannelBaseline="-25"))
    assert isinstance(still, EcgStill)
    assert np.array_equal(still.lead("II").samples, TWELVE[1] - 10)
    with pytest.raises(UnsupportedStill):
        read_still(dicom(ChannelBaseline="1"))


def other_object(data: Dataset, _rhythm: Dataset) -> None:
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"


def derived(_data: Dataset, rhythm: Dataset) -> None:
    rhythm.WaveformOriginality = "DERIVED"


def eight_bits(_data: Dataset, rhythm: Dataset) -> None:
    rhythm.WaveformSampleInterpretation = "UB"


def more_than_there(_data: Dataset, rhythm: Dataset) -> None:
    rhythm.NumberOfWaveformSamples = 5000


def far_too_many(_data: Dataset, rhythm: Dataset) -> None:
    rhythm.NumberOfWaveformSamples = 2**31


def no_rate(_data: Dataset, rhythm: Dataset) -> None:
    rhythm.SamplingFrequency = "0"


@pytest.mark.parametrize(
    ("bend", "error"),
    [
        (other_object, UnsupportedStill),
        (derived, DamagedStill),
        (eight_bits, UnsupportedStill),
        (more_than_there, DamagedStill),
        (far_too_many, TooLarge),
        (no_rate, DamagedStill),
    ],
)
def test_what_cannot_be_read(bend: Any, error: type[StillError]) -> None:
    with pytest.raises(error):
        read_still(dicom(bend))


def test_deflated_files_are_refused_before_they_unpack() -> None:
    content = dicom().replace(
        ExplicitVRLittleEndian.encode() + b"\0", DeflatedExplicitVRLittleEndian.encode(), 1
    )
    with pytest.raises(UnsupportedStill, match="deflated"):
        read_still(content)


def test_odd_values_are_not_quoted_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    def odd(data: Dataset, _rhythm: Dataset) -> None:
        data.SOPClassUID = f"{TWELVE_LEAD}.12"

    bent = dicom(odd).replace(f"{TWELVE_LEAD}.12".encode(), f"{TWELVE_LEAD}..1".encode())
    with caplog.at_level(logging.WARNING):
        assert isinstance(read_still(bent), EcgStill)
    assert caplog.text == ""
    # Without care it would be: pydicom logs what it finds invalid.
    with caplog.at_level(logging.WARNING), pytest.warns(UserWarning, match="Invalid value"):
        assert dcmread(BytesIO(bent)).SOPClassUID
    assert "..1" in caplog.text
