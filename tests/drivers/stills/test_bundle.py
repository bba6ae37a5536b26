"""Files of one recording as one document, and what looks like it and is none."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.stills.bundle import bundle, read_document
from koffert_drivers.stills.errors import DamagedStill, IncompleteStill, StillError
from koffert_drivers.stills.records import EcgStill
from tests.drivers.stills.samples import beats, scp

HEADER = b"ecg 2 500 2\na.dat 16 200/mV 16 0 0 3 0 I\nb.dat 16 200/mV 16 0 0 7 0 II\n"
FILES = {"b.dat": bytes((3, 0, 4, 0)), "a.dat": bytes((1, 0, 2, 0))}
BUNDLE = bundle("ecg.hea", HEADER, FILES)


def test_a_bundle_is_read_as_its_files_are() -> None:
    still = read_document(BUNDLE)
    assert isinstance(still, EcgStill)
    assert still.lead("I").samples.tolist() == [1, 2]
    assert still.lead("II").samples.tolist() == [3, 4]


def test_the_same_files_make_the_same_bytes() -> None:
    assert bundle("ecg.hea", HEADER, dict(reversed(FILES.items()))) == BUNDLE


def test_a_single_file_needs_no_bundle() -> None:
    assert isinstance(read_document(scp(beats())), EcgStill)


def test_a_file_that_is_missing_in_it_is_named() -> None:
    with pytest.raises(IncompleteStill) as error:
        read_document(bundle("ecg.hea", HEADER, {"a.dat": FILES["a.dat"]}))
    assert error.value.missing == ("b.dat",)


def test_what_unpacks_to_more_than_it_is_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ecg.hea", HEADER + bytes(1_000_000))
    with pytest.raises(DamagedStill):
        read_document(packed.getvalue())


@given(st.data())
def test_damage_has_a_reason(data: st.DataObject) -> None:
    damaged = bytearray(BUNDLE)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(4, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(4, len(damaged)))])
    try:
        read_document(cut)
    except StillError:
        return
