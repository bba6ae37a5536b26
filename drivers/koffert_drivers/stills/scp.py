"""SCP-ECG (EN 1064:2005 + A1; ISO 41064): sections, their checksums, and what they say of the ECG.

Written from the public descriptions of the format and checked against files of two carts. Byte for
byte: record = CRC-16, length u32, sections; a section = CRC-16, id u16, length u32, two version
bytes, six reserved bytes, data.
"""

from __future__ import annotations

import binascii
from datetime import date, datetime, timedelta, timezone

from koffert_drivers.stills.cursor import Cursor
from koffert_drivers.stills.errors import DamagedStill
from koffert_drivers.stills.leads import with_derived
from koffert_drivers.stills.records import (
    Device,
    EcgStill,
    Filters,
    Format,
    Measurements,
    PatientIdentity,
    Sex,
)
from koffert_drivers.stills.scp_signal import read_signal

RECORD_HEADER, SECTION_HEADER, POINTER = 6, 16, 10
CRC_START = 0xFFFF  # CCITT polynomial
# Sections 12 and up hold Holter and stress data, or belong to the maker.
SECTIONS = range(12)
NOT_COMPUTED = 29_999
BEAT_BYTES = 16  # of section 7: five times and three axes
SEXES = {1: Sex.MALE, 2: Sex.FEMALE}
# Tag 4: the unit of an age, in years.
AGE_UNITS_Y = {1: 1.0, 2: 1 / 12, 3: 7 / 365.25, 4: 1 / 365.25, 5: 1 / 8766}
# Tag 29: bits of the filters, in Hz.
NOTCHES_HZ = {1: 60.0, 2: 50.0}
END_TAG = 255
# Tag 14: where the model and the strings stand; the maker is a byte, or the last string.
MAKER_AT, MODEL, STRINGS_AT = 7, slice(8, 14), 36
MAKERS = {1: "Burdick", 6: "Hewlett-Packard", 7: "Marquette", 8: "Mortara", 21: "Physio-Control"}
BURDICK = 1
# Tag 27 counts hundredths of a hertz; these carts write 500 for 0.05 Hz.
PER_HZ, BURDICK_PER_HZ = 100, 10_000


def is_scp(content: bytes) -> bool:
    """Tell whether the bytes begin as SCP-ECG does: a length, then the pointers of section 0."""
    section_0 = content[RECORD_HEADER : RECORD_HEADER + SECTION_HEADER]
    looks_right = len(section_0) == SECTION_HEADER and section_0[2:4] == b"\0\0"
    named = section_0[10:16] == b"SCPECG"
    length = int.from_bytes(content[2:6], "little")
    size = int.from_bytes(section_0[4:8], "little")
    plausible = SECTION_HEADER < size <= len(content) and size % POINTER == SECTION_HEADER % POINTER
    return looks_right and (named or (plausible and length >= size))


def read_scp(content: bytes) -> EcgStill:
    """Read an SCP-ECG record.

    Raises DamagedStill where a length or checksum fails, UnsupportedStill for bimodal compression.
    """
    sections = _sections(content)
    tags = _tags(sections.get(1, b""))
    maker = _maker(tags)
    signal = read_signal(sections, smooth_between_beats=maker == BURDICK)
    return EcgStill(
        format=Format.SCP_ECG,
        rate_hz=signal.rate_hz,
        leads=with_derived(signal.leads),
        recorded_at=_recorded_at(tags),
        device=_device(tags, maker),
        filters=_filters(tags, maker),
        measurements=_measurements(sections.get(7, b"")),
        statements=_statements(sections.get(8, b"")),
        pacing_spikes_s=_pacing_spikes_s(sections.get(7, b"")),
        notes=signal.notes,
        patient=_patient(tags),
    )


def _sections(content: bytes) -> dict[int, bytes]:
    """Return the data of each section that is there, all checksums verified."""
    record = Cursor(content, "the record")
    crc, length = record.numbers("HI")
    if length > len(content) or length < RECORD_HEADER + SECTION_HEADER:
        raise DamagedStill(f"{length} bytes promised, {len(content)} there")
    _check(content[2:length], crc, "the record")
    pointers = Cursor(_section(content, 0, record.at + 1, None), "section 0")
    found: dict[int, bytes] = {}
    while pointers.left >= POINTER:
        number, size, index = pointers.numbers("HII")
        if number in SECTIONS and number > 0 and size > SECTION_HEADER:
            found[number] = _section(content[:length], number, index, size)
    return found


def _section(content: bytes, number: int, index: int, size: int | None) -> bytes:
    what = f"section {number}"
    header = Cursor(content[max(index - 1, 0) : max(index - 1, 0) + SECTION_HEADER], what)
    crc, found_number, found_size = header.numbers("HHI")
    if found_number != number or (size is not None and size != found_size):
        raise DamagedStill(f"{what} is not where section 0 points")
    whole = content[index - 1 : index - 1 + found_size]
    if len(whole) != found_size or found_size < SECTION_HEADER:
        raise DamagedStill(f"{what} ends too early")
    _check(whole[2:], crc, what)
    return whole[SECTION_HEADER:]


def _check(data: bytes, crc: int, what: str) -> None:
    if binascii.crc_hqx(data, CRC_START) != crc:
        raise DamagedStill(f"the checksum of {what} does not match")


def _tags(data: bytes) -> dict[int, bytes]:
    """Return section 1 by tag; of a tag given twice the first counts."""
    cursor = Cursor(data, "section 1")
    tags: dict[int, bytes] = {}
    while cursor.left >= 3:
        tag, length = cursor.numbers("BH")
        if tag == END_TAG:
            break
        tags.setdefault(tag, cursor.take(length))
    return tags


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("latin-1").strip()


def _day(data: bytes) -> date | None:
    try:
        return date(int.from_bytes(data[:2], "little"), data[2], data[3])
    except (IndexError, ValueError):
        return None


def _recorded_at(tags: dict[int, bytes]) -> datetime | None:
    day, clock = _day(tags.get(25, b"")), tags.get(26, b"")
    try:
        found = datetime(day.year, day.month, day.day, *clock[:3]) if day else None  # noqa: DTZ001
    except (TypeError, ValueError):
        return None
    zone = tags.get(34, b"")
    minutes = int.from_bytes(zone[:2], "little", signed=True)
    if found is None or len(zone) < 2 or abs(minutes) > 14 * 60:
        return found
    return found.replace(tzinfo=timezone(timedelta(minutes=minutes)))


def _patient(tags: dict[int, bytes]) -> PatientIdentity:
    age = tags.get(4, b"")
    unit_y = AGE_UNITS_Y.get(age[2]) if len(age) > 2 else None
    return PatientIdentity(
        patient_id=_text(tags.get(2, b"")),
        family_name=_text(tags.get(0, b"")),
        given_name=_text(tags.get(1, b"")),
        birth_date=_day(tags.get(5, b"")),
        sex=SEXES.get(int.from_bytes(tags.get(8, b"")[:1], "little")),
        age_y=int.from_bytes(age[:2], "little") * unit_y if unit_y else None,
    )


def _maker(tags: dict[int, bytes]) -> int:
    return int.from_bytes(tags.get(14, b"")[MAKER_AT : MAKER_AT + 1], "little")


def _device(tags: dict[int, bytes], maker: int) -> Device:
    machine = tags.get(14, b"")
    parts = [_text(part) for part in machine[STRINGS_AT:].split(b"\0")]
    # Analysing program, serial number, system software, SCP software, maker.
    _, serial, software, _, name = (parts + [""] * 5)[:5]
    return Device(
        manufacturer=name or MAKERS.get(maker, ""),
        model=_text(machine[MODEL]),
        serial=serial,
        software=software,
    )


def _filters(tags: dict[int, bytes], maker: int) -> Filters:
    high_pass, low_pass = (int.from_bytes(tags.get(tag, b"")[:2], "little") for tag in (27, 28))
    bits = int.from_bytes(tags.get(29, b"")[:1], "little")
    return Filters(
        high_pass_hz=high_pass / (BURDICK_PER_HZ if maker == BURDICK else PER_HZ) or None,
        low_pass_hz=float(low_pass) or None,
        notch_hz=next((hz for bit, hz in NOTCHES_HZ.items() if bits & bit), None),
    )


def _measurements(data: bytes) -> Measurements:
    """Return the global measures of section 7: of the first beat that it describes."""
    if len(data) < 22:
        return Measurements()
    cursor = Cursor(data, "section 7")
    _, _, rr_ms, _ = cursor.numbers("BBHH")
    *points, p_axis, qrs_axis, t_axis = cursor.numbers("5H3h")
    p_on, _, qrs_on, qrs_off, t_off = points
    return Measurements(
        rr_ms=_computed(rr_ms) or None,
        pr_ms=_between(p_on, qrs_on),
        qrs_ms=_between(qrs_on, qrs_off),
        qt_ms=_between(qrs_on, t_off),
        p_axis_deg=_computed(p_axis),
        qrs_axis_deg=_computed(qrs_axis),
        t_axis_deg=_computed(t_axis),
    )


def _pacing_spikes_s(data: bytes) -> tuple[float, ...]:
    """Return when section 7 says that a pacemaker fired: behind the beats, time and height of each."""
    if len(data) < 6:
        return ()
    beats, spikes = data[0], data[1]
    first = 6 + BEAT_BYTES * beats
    if first + 4 * spikes > len(data):
        return ()  # some carts count spikes that they do not describe
    times_ms = (int.from_bytes(data[first + 4 * n :][:2], "little") for n in range(spikes))
    return tuple(time_ms / 1000 for time_ms in times_ms)


def _computed(value: int) -> float | None:
    return None if value == NOT_COMPUTED else float(value)


def _between(start: int, end: int) -> float | None:
    known = NOT_COMPUTED not in {start, end} and end > start
    return float(end - start) if known else None


def _statements(data: bytes) -> tuple[str, ...]:
    """Return the text of section 8: a byte, date, time, a count, then number, length and text each."""
    if len(data) < 9:
        return ()
    cursor = Cursor(data, "section 8")
    cursor.take(8)
    found = []
    for _ in range(cursor.u8()):
        cursor.take(1)
        found.append(_text(cursor.take(cursor.u16())))
    return tuple(statement for statement in found if statement)
