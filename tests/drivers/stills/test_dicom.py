"""DICOM stills written through pydicom, sound and bent."""

from __future__ import annotations

import logging
import warnings
from copy import deepcopy
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
)

from koffert_drivers.stills.errors import DamagedStill, StillError, TooLarge, UnsupportedStill
from koffert_drivers.stills.leads import STANDARD_ORDER
from koffert_drivers.stills.reader import read_still
from koffert_drivers.stills.records import NO_SAMPLE, EcgStill
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


def dicom(
    bend: Any = lambda _data, _rhythm: None,
    syntax: UID = ExplicitVRLittleEndian,
    **changes: Any,
) -> bytes:
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
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = UID(TWELVE_LEAD)
    data.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    out = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def read(content: bytes) -> EcgStill:
    still = read_still(content)
    assert isinstance(still, EcgStill)
    return still


def test_samples_words_and_identity() -> None:
    still = read(dicom())
    for name, expected in zip(STANDARD_ORDER, TWELVE, strict=True):
        assert np.array_equal(still.lead(name).samples, expected)
    assert (still.rate_hz, still.lead("V1").gain_uv) == (500.0, 2.5)
    assert still.filters.low_pass_hz == 150.0
    assert (still.patient.family_name, still.patient.given_name) == ("Testpasient 1", "A")


@pytest.mark.parametrize(
    ("sensitivity", "correction", "baseline", "unit", "each_uv", "zero_uv"),
    [
        ("2.5", "1", "-25", "uV", 2.5, -25.0),
        ("2.5", "1", "1", "uV", 2.5, 1.0),
        ("0.00488", "1", "0.00244", "mV", 4.88, 2.44),
        ("0.0025", "2", "0.1", "mV", 5.0, 100.0),
        ("1", "1.0018", "0", "uV", 1.0018, 0.0),
        ("2500", "1", "-500", "nV", 2.5, -0.5),
        ("1.25e-6", "1", "0.001", "V", 1.25, 1000.0),
    ],
)
def test_scales(
    *, sensitivity: str, correction: str, baseline: str, unit: str, each_uv: float, zero_uv: float
) -> None:
    still = read(
        dicom(
            ChannelSensitivity=sensitivity,
            ChannelSensitivityCorrectionFactor=correction,
            ChannelBaseline=baseline,
            ChannelSensitivityUnitsSequence=code(unit, "", "UCUM"),
        )
    )
    expected = TWELVE[1] * each_uv + zero_uv
    assert still.lead("II").microvolts() == pytest.approx(expected, abs=1e-3)


def no_volts(_data: Dataset, rhythm: Dataset) -> None:
    channels = rhythm.ChannelDefinitionSequence
    channels[3].ChannelSensitivityUnitsSequence = code("mm[Hg]", "", "UCUM")


SMALL = np.stack([lead % 90 for lead in TWELVE], axis=1)


@pytest.mark.parametrize(
    ("interpretation", "bits", "padding"),
    [("SB", 8, -128), ("UB", 8, 255), ("SS", 16, -7000), ("US", 16, 65535), ("SL", 32, -(2**31))],
)
def test_sample_layouts(interpretation: str, bits: int, padding: int) -> None:
    layout = f"<{'i' if interpretation[0] == 'S' else 'u'}{bits // 8}"

    def bend(_data: Dataset, rhythm: Dataset) -> None:
        stored = SMALL.copy()
        stored[5] = padding
        rhythm.WaveformBitsAllocated, rhythm.WaveformSampleInterpretation = bits, interpretation
        lost = np.array([padding]).astype(layout).tobytes()
        rhythm.add_new(0x5400100A, "OB" if bits == 8 else "OW", lost.ljust(2, b"\0"))
        rhythm.add_new(0x54001010, "OB" if bits == 8 else "OW", stored.astype(layout).tobytes())

    still = read(dicom(bend))
    for column, name in enumerate(STANDARD_ORDER):
        expected = SMALL[:, column].copy()
        expected[5] = NO_SAMPLE
        assert np.array_equal(still.lead(name).samples, expected), name


def test_a_big_endian_file() -> None:
    def bend(_data: Dataset, rhythm: Dataset) -> None:
        rhythm.add_new(0x54001010, "OW", np.stack(TWELVE, axis=1).astype(">i2").tobytes())

    still = read(dicom(bend, syntax=ExplicitVRBigEndian))
    assert np.array_equal(still.lead("V6").samples, TWELVE[11])


def test_groups_that_were_recorded_in_turns() -> None:
    def bend(data: Dataset, rhythm: Dataset) -> None:
        channels, table = rhythm.ChannelDefinitionSequence, np.stack(TWELVE, axis=1)
        groups = []
        for turn in range(4):
            group = deepcopy(rhythm)
            group.ChannelDefinitionSequence = Sequence(channels[3 * turn : 3 * turn + 3])
            group.NumberOfWaveformChannels = 3
            part = table[:, 3 * turn : 3 * turn + 3].astype("<i2").tobytes()
            group.add_new(0x54001010, "OW", part)
            group.MultiplexGroupTimeOffset = 100 + 2500 * turn
            groups.append(group)
        strip = deepcopy(groups[0])
        median = deepcopy(groups[0])
        median.WaveformOriginality = "DERIVED"
        slower = deepcopy(groups[0])
        slower.SamplingFrequency = "250"
        data.WaveformSequence = Sequence([*groups, strip, median, slower])

    still = read(dicom(bend))
    assert [lead.name for lead in still.leads] == list(STANDARD_ORDER)
    assert [lead.start_s for lead in still.leads[::3]] == [0.0, 2.5, 5.0, 7.5]
    assert np.array_equal(still.lead("V5").samples, TWELVE[10])


@pytest.mark.parametrize(
    ("value", "scheme", "name"),
    [("5.6.3-9-1", "SCPECG", "I"), ("2:62", "MDC", "aVR"), ("MDC_ECG_LEAD_V3", "MDC", "V3")],
)
def test_lead_codes(value: str, scheme: str, name: str) -> None:
    def bend(_data: Dataset, rhythm: Dataset) -> None:
        rhythm.ChannelDefinitionSequence[0].ChannelSourceSequence = code(value, "", scheme)

    found = [lead.name for lead in read(dicom(bend)).leads]
    assert found.count(name) == (1 if name == "I" else 2)


def other_object(data: Dataset, _rhythm: Dataset) -> None:
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"


def derived(_data: Dataset, rhythm: Dataset) -> None:
    rhythm.WaveformOriginality = "DERIVED"


def companded(_data: Dataset, rhythm: Dataset) -> None:
    rhythm.WaveformSampleInterpretation, rhythm.WaveformBitsAllocated = "MB", 8


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
        (companded, UnsupportedStill),
        (no_volts, UnsupportedStill),
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
