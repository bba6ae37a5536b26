"""Small recordings written here, so that every reader is tested where no sample file is at hand."""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from koffert_drivers.stills.leads import STANDARD_ORDER, Wide

LIMB_8 = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
SCP_NUMBERS = {"I": 1, "II": 2} | {f"V{n}": n + 2 for n in range(1, 7)}


def beats(leads: int = 8, size: int = 600) -> list[Wide]:
    """Whole numbers with steep and slow parts, each lead another."""
    at = np.arange(size)
    wave = 400 * np.exp(-(((at % 200) - 60) ** 2) / 30) + 30 * np.sin(at / 17)
    return [np.rint(wave * (0.5 + 0.2 * i) - 3 * i).astype(np.int64) for i in range(leads)]


def huffman(values: Sequence[int]) -> bytes:
    """Pack with SCP-ECG's default table; the opposite of `koffert_drivers.stills.huffman.decode`."""
    bits = ""
    for value in values:
        if value == 0:
            bits += "0"
        elif abs(value) <= 8:
            bits += "1" * abs(value) + "0" + ("1" if value < 0 else "0")
        elif -128 <= value < 128:
            bits += "1111111110" + f"{value & 0xFF:08b}"
        else:
            bits += "1111111111" + f"{value & 0xFFFF:016b}"
    bits += "0" * (-len(bits) % 8)
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def differences(values: Wide, order: int) -> list[int]:
    """What SCP-ECG stores: `order` plain values, then differences."""
    steps = np.diff(values, n=order)
    return [*values[:order].tolist(), *steps.tolist()]


def section(number: int, data: bytes) -> bytes:
    """One SCP section with its checksum, padded to even length."""
    whole = data + b"\0" * (len(data) % 2)
    body = struct.pack("<HIBB6x", number, 16 + len(whole), 20, 20) + whole
    return struct.pack("<H", binascii.crc_hqx(body, 0xFFFF)) + body


def scp(leads: Sequence[Wide], *, order: int = 2, packed: bool = True, promised: int = 0) -> bytes:
    """An SCP-ECG record of the eight leads, 2.5 µV and 500 Hz."""
    size = promised or leads[0].size
    stored = [
        huffman(differences(lead, order))
        if packed
        else np.array(differences(lead, order), dtype="<i2").tobytes()
        for lead in leads
    ]
    places = b"".join(struct.pack("<IIB", 1, size, SCP_NUMBERS[name]) for name in LIMB_8)
    name, born = b"Testpasient 1\0", struct.pack("<HBB", 1950, 2, 3)
    tags = b"".join(
        struct.pack("<BH", tag, len(value)) + value
        for tag, value in (
            (0, name),
            (2, b"T-1\0"),
            (5, born),
            (8, b"\x02"),
            (25, struct.pack("<HBB", 2026, 3, 4)),
            (26, bytes([5, 6, 7])),
            (34, struct.pack("<hH", 60, 0)),
            (255, b""),
        )
    )
    lengths = b"".join(struct.pack("<H", len(part)) for part in stored)
    rhythm = struct.pack("<HHBB", 2500, 2000, order, 0) + lengths + b"".join(stored)
    parts = {1: tags, 3: bytes([8, 0x44]) + places, 6: rhythm}
    if packed:
        parts[2] = struct.pack("<H", 19_999)
    return record({number: section(number, data) for number, data in sorted(parts.items())})


def record(sections: dict[int, bytes]) -> bytes:
    """Put sections behind section 0's pointers and the record's header."""
    at = 7 + 16 + 10 * (1 + len(sections))
    pointers = struct.pack("<HII", 0, at - 7, 7)
    for number, data in sections.items():
        pointers += struct.pack("<HII", number, len(data), at)
        at += len(data)
    body = section(0, pointers) + b"".join(sections.values())
    rest = struct.pack("<I", 6 + len(body)) + body
    return struct.pack("<H", binascii.crc_hqx(rest, 0xFFFF)) + rest


def muse(leads: Sequence[Wide]) -> bytes:
    """A MUSE file of the eight leads, 4.88 µV and 500 Hz."""
    blocks = ""
    for name, lead in zip(LIMB_8, leads, strict=True):
        stored = lead.astype("<i2").tobytes()
        blocks += (
            f"<LeadData><LeadID>{name}</LeadID><LeadSampleCountTotal>{lead.size}"
            "</LeadSampleCountTotal><LeadAmplitudeUnitsPerBit>4.88</LeadAmplitudeUnitsPerBit>"
            "<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadSampleSize>2</LeadSampleSize>"
            f"<LeadDataCRC32>{zlib.crc32(stored)}</LeadDataCRC32>"
            f"<WaveFormData>{base64.b64encode(stored).decode()}</WaveFormData></LeadData>"
        )
    return (
        "<RestingECG><PatientDemographics><PatientID>T-1</PatientID><PatientLastName>Testpasient 1"
        "</PatientLastName><DateofBirth>02-03-1950</DateofBirth><Gender>FEMALE</Gender>"
        "</PatientDemographics><TestDemographics><AcquisitionDate>03-04-2026</AcquisitionDate>"
        "<AcquisitionTime>05:06:07</AcquisitionTime></TestDemographics><Diagnosis>"
        "<DiagnosisStatement><StmtText>Sinus</StmtText></DiagnosisStatement><DiagnosisStatement>"
        "<StmtFlag>ENDSLINE</StmtFlag><StmtText>rhythm</StmtText></DiagnosisStatement></Diagnosis>"
        "<Waveform><WaveformType>Rhythm</WaveformType><SampleBase>500</SampleBase>"
        f"<SampleExponent>0</SampleExponent>{blocks}</Waveform></RestingECG>"
    ).encode()


def aecg(leads: Sequence[Wide], *, origin: str = "0") -> bytes:
    """An aECG of twelve leads, 2.5 µV and 500 Hz."""
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{name.upper()}"/><value>'
        f'<origin value="{origin}" unit="uV"/><scale value="2.5" unit="uV"/>'
        f"<digits>{' '.join(map(str, lead))}</digits></value></sequence></component>"
        for name, lead in zip(STANDARD_ORDER, leads, strict=True)
    )
    return (
        '<AnnotatedECG xmlns="urn:hl7-org:v3"><component><series><effectiveTime>'
        '<low value="20260304050607.250+0100"/></effectiveTime><component><sequenceSet><component>'
        '<sequence><code code="TIME_ABSOLUTE"/><value><increment value="2" unit="ms"/></value>'
        f"</sequence></component>{sequences}</sequenceSet></component></series></component>"
        "</AnnotatedECG>"
    ).encode()


def edf(leads: Sequence[Wide], names: Sequence[str] = LIMB_8, *, reserved: str = "EDF+C") -> bytes:
    """An EDF+ recording, 2.5 µV and 100 Hz, in data records of one second."""
    count, seconds = len(names), leads[0].size // 100
    patient, recording = (
        "T-1 F 03-FEB-1950 Testpasient_1",
        "Startdate 04-MAR-2026 X X Testapparat",
    )
    head = f"{'0':<8}{patient:<80}{recording:<80}{'04.03.26':<8}{'05.06.07':<8}"
    head += f"{256 * (count + 1):<8}{reserved:<44}{seconds:<8}{1:<8}{count:<4}"
    for width, value in (
        (80, "electrode"),
        (8, "uV"),
        (8, "-81920"),
        (8, "81917.5"),
        (8, "-32768"),
        (8, "32767"),
        (80, ""),
        (8, "100"),
        (32, ""),
    ):
        if width == 80 and value:
            head += "".join(f"{'ECG ' + name:<16}" for name in names)
        head += f"{value:<{width}}" * count
    table = np.array([lead[: 100 * seconds].reshape(seconds, 100) for lead in leads])
    return head.encode() + table.transpose(1, 0, 2).astype("<i2").tobytes()


def lzw(data: bytes) -> bytes:
    """Pack with ten-bit LZW, most significant bit first, as Philips' carts do."""
    strings = {bytes([value]): value for value in range(256)}
    codes, held = [], b""
    for value in data:
        longer = held + bytes([value])
        if longer in strings:
            held = longer
            continue
        codes.append(strings[held])
        if len(strings) <= 1022:
            strings[longer] = len(strings)
        held = bytes([value])
    codes.append(strings[held])
    bits = "".join(f"{code:010b}" for code in [*codes, 1023])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def xli(leads: Sequence[Wide]) -> bytes:
    """Pack leads as XLI: second differences, high bytes before low bytes, LZW."""
    out = b""
    for lead in leads:
        steps = np.diff(lead)
        seconds = -np.diff(steps)
        stored = np.concatenate([lead[:2], seconds[1:] + 64, [0]]).astype(">i2")
        planes = stored.view(np.uint8).reshape(-1, 2)
        packed = lzw(planes[:, 0].tobytes() + planes[:, 1].tobytes())
        out += struct.pack("<IHh", len(packed), 1, int(seconds[0])) + packed
    return out


def philips(leads: Sequence[Wide]) -> bytes:
    """A Philips file of twelve leads, 5 µV and 500 Hz, limb leads as predictions' remainders."""
    one, two, three, avr, avl, avf, *chest = leads
    left = [
        two - one - three,
        -((one + two) // 2) - avr,
        (one - three) // 2 - avl,
        (two + three) // 2 - avf,
    ]
    stored = base64.b64encode(xli([one, two, *left, *chest])).decode()
    return (
        '<restingecgdata xmlns="http://www3.medical.philips.com"><dataacquisition date="2026-03-04" '
        'time="05:06:07"><machine machineid="1">Testapparat</machine><signalcharacteristics/>'
        "</dataacquisition><waveforms>"
        '<parsedwaveforms dataencoding="Base64" compression="XLI" numberofleads="12" '
        f'leadlabels="{" ".join(STANDARD_ORDER)}" samplespersecond="500" resolution="5">{stored}'
        "</parsedwaveforms></waveforms></restingecgdata>"
    ).encode("utf-16")


def tiff(pages: int) -> bytes:
    """A TIFF whose directories hold one entry each."""
    out, at = b"II*\0" + struct.pack("<I", 8), 8
    for page in range(pages):
        at += 2 + 12 + 4
        following = at if page + 1 < pages else 0
        out += struct.pack("<HHHIII", 1, 256, 4, 1, 100, following)
    return out
