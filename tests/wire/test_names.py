"""Topics, identifiers and codes."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_wire import topics
from koffert_wire.identifiers import is_device_id, uuid7
from koffert_wire.quantities import QUANTITIES, quantity
from koffert_wire.topics import DownKind, Lane

device_ids = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)


@given(device_ids, st.sampled_from(Lane))
def test_an_up_topic_says_who_and_which_lane(device: str, lane: Lane) -> None:
    assert topics.parse_up(topics.up(device, lane)) == (device, lane)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "koffert/v1/a/up",
        "koffert/v1/a/up/other",
        "koffert/v1/a/down/vitals",
        "koffert/v2/a/up/vitals",
        "koffert/v1/+/up/vitals",
        "koffert/v1/A/up/vitals",
        "koffert/v1/a/up/vitals/x",
        "koffert/v1//up/vitals",
    ],
)
def test_other_topics_are_not_up_topics(topic: str) -> None:
    assert topics.parse_up(topic) is None


def test_topics_are_those_of_the_design() -> None:
    assert topics.up("koffert-0001", Lane.ALARM) == "koffert/v1/koffert-0001/up/alarm"
    assert topics.down("koffert-0001", DownKind.CALL) == "koffert/v1/koffert-0001/down/call"
    assert topics.up_any_device(Lane.BULK) == "koffert/v1/+/up/bulk"


@pytest.mark.parametrize("text", ["", "-a", "a-", "a/b", "a+", "#", "A", "a" * 41, "a\n"])
def test_what_is_no_device_id(text: str) -> None:
    assert not is_device_id(text)


@given(st.integers(-(2**62), 2**62), st.binary(min_size=10, max_size=10))
def test_uuid7_is_a_uuid_of_version_7(wall_ns: int, random: bytes) -> None:
    made = uuid.UUID(bytes=uuid7(wall_ns, random))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert int.from_bytes(made.bytes[:6]) == max(wall_ns // 1_000_000, 0) & 0xFFFFFFFFFFFF


def test_uuid7_matches_the_example_of_the_standard() -> None:
    """RFC 9562, appendix A.6."""
    random = bytes.fromhex("0CC3") + bytes.fromhex("18C4DC0C0C07398F")
    made = uuid7(0x017F22E279B0 * 1_000_000, random)
    assert str(uuid.UUID(bytes=made)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def luhn_ok(digits: str) -> bool:
    """LOINC's check digit (mod 10) is Luhn's."""
    doubled = [
        int(digit) if index % 2 == 0 else sum(divmod(2 * int(digit), 10))
        for index, digit in enumerate(reversed(digits))
    ]
    return sum(doubled) % 10 == 0


_VERHOEFF_D = [
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
]  # fmt: skip
_VERHOEFF_P = [
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
]  # fmt: skip


def verhoeff_ok(digits: str) -> bool:
    """SNOMED CT's check digit (Verhoeff's dihedral group code)."""
    check = 0
    for index, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[index % 8][int(digit)])])
    return check == 0


def test_each_code_passes_its_check_digit() -> None:
    for entry in QUANTITIES:
        for code in entry.loinc:
            assert luhn_ok(code.replace("-", "")), code
        if entry.snomed is not None:
            assert verhoeff_ok(entry.snomed), entry.snomed


def test_names_are_unique_and_end_in_their_unit() -> None:
    units = {
        "%": "_pct", "/min": "_bpm", "L": "_l", "L/s": "_l_s",
        "Cel": "_c", "mm[Hg]": "_mmhg", "kg": "_kg", "mg/L": "_mg_l",
    }  # fmt: skip
    assert len({entry.code for entry in QUANTITIES}) == len(QUANTITIES)
    for entry in QUANTITIES:
        assert entry.code.endswith(units[entry.ucum])
        assert quantity(entry.code) is entry


def test_an_unknown_quantity_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        quantity("spo2")
