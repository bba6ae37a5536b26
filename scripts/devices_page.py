"""Write docs/devices.md from the device table, or with --check say whether it is current."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from koffert_drivers.device import DeviceRecord, SerialSettings, Stream
from koffert_drivers.measurement import DOUBTFUL, DOUBTFUL_QUALITY, VOIDING, Flag
from koffert_drivers.records.not_driven import NOT_DRIVEN
from koffert_drivers.table import DEVICES

PAGE = Path(__file__).resolve().parents[1] / "docs" / "devices.md"

INTRODUCTION = """\
# Devices

<!-- Written by scripts/devices_page.py from the device table. Change the table, not this page. -->

Which meters Koffert speaks with, how each is connected, and how far its driver is. Koffert is not a medical device.

Try a recording of your own: `koffert driver decode DEVICE` takes lines of hex on stdin, each one chunk as it was
received, and prints what they mean. `--channel` (Bluetooth Low Energy) or `--format` (serial) chooses the stream.

A value that the device marks as bad is no value: it is null, with quality 0 and a flag that says why. A value that the
device doubts keeps its number, with quality below 1 and a flag.

The quality scale of a driver: **done**, **to do** or **exempt**, with the reason.

- *parser*: every field of the protocol is decoded and tested
- *real bytes*: bytes recorded from a device are among the tests
- *reconnect*: the link comes back by itself, tried on the device
- *bonding*: pairing works without a screen
- *clock*: a wrong or unset clock is found and set
- *memory*: what the device stored is read, dated by its own clock, and erased at return
- *battery*: the device's battery is reported
- *docs*: this page has the device, with what its driver cannot tell
"""

RULES = ("parser", "real_bytes", "reconnect", "bonding", "clock", "memory", "battery", "docs")
WORDS = {"done": "done", "todo": "to do", "exempt": "exempt"}


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION, *overview()]
    for record in DEVICES:
        lines += section(record)
    return "\n".join([*lines, *not_driven(), *flags()]) + "\n"


def overview() -> Iterator[str]:
    """One row per device."""
    yield "| Device | Id | Measures | Connected by |"
    yield "|---|---|---|---|"
    for record in DEVICES:
        kinds = ", ".join(kind.replace("-", " ") for kind in record.kinds)
        yield f"| {record.name} | `{record.id}` | {kinds} | {connection(record)} |"


def section(record: DeviceRecord) -> Iterator[str]:
    """All of one device."""
    yield f"\n## {record.name}\n"
    yield f"`{record.id}`. Known from {record.sources}.\n"
    yield from (f"- {line}" for line in how_connected(record))
    yield "\n| Stream | Characteristic | Waveform | The host says |"
    yield "|---|---|---|---|"
    yield from map(stream_row, record.streams)
    if record.limits:
        yield "\nLimits:\n"
        yield from (f"- {limit}" for limit in record.limits)
    yield "\n| Rule | State | Why |"
    yield "|---|---|---|"
    for rule in RULES:
        mark = getattr(record.quality_scale, rule)
        yield f"| {rule.replace('_', ' ')} | {WORDS[mark.state]} | {mark.why} |"


def how_connected(record: DeviceRecord) -> Iterator[str]:
    """Line or radio, and how the device is recognised."""
    if record.serial is not None:
        yield f"Serial line: {line_settings(record.serial)}"
    if record.ble is not None:
        bond = ", bonded" if record.ble.needs_bond else ""
        yield f"Bluetooth Low Energy: service `{record.ble.service}`{bond}"
        if record.ble.write_characteristic:
            yield f"Written to: `{record.ble.write_characteristic}`"
    known = record.recognition
    for what, claims in (
        ("name", known.names),
        ("address", known.ouis),
        ("service", known.services),
    ):
        if claims:
            yield f"Recognised by its {what}: {', '.join(f'`{claim}`' for claim in claims)}"


def line_settings(settings: SerialSettings) -> str:
    """Speed and framing in the usual shorthand, and the cables that it comes with."""
    rates = " or ".join(str(rate) for rate in (settings.baud_rate, *settings.other_baud_rates))
    framing = f"{settings.data_bits}{settings.parity.value}{settings.stop_bits}"
    cables = [f"USB {vendor:04x}:{product:04x}" for vendor, product in settings.usb_ids]
    return ", ".join([f"{rates} {framing}", *cables])


def stream_row(stream: Stream) -> str:
    """One row of the table of streams."""
    rate_hz = stream.waveform_rate_hz
    waveform = f"{rate_hz:g} Hz" if rate_hz else "none"
    characteristic = f"`{stream.characteristic}`" if stream.characteristic else "the line"
    return f"| `{stream.name}` | {characteristic} | {waveform} | {spoken(stream)} |"


def spoken(stream: Stream) -> str:
    """What the host sends on this stream, in words and bytes."""
    talk = stream.conversation
    if talk is None:
        return "nothing"
    parts = [
        f"{when} `{data.hex(' ')}`"
        for when, data in (
            ("at the start", b"".join(talk.on_connect)),
            (f"every {talk.keep_alive_s:g} s", talk.keep_alive),
            ("at the end", b"".join(talk.on_disconnect)),
            ("to each measurement", talk.acknowledge),
            ("to each damaged frame", talk.refuse),
        )
        if data
    ]
    return "; ".join(parts)


def connection(record: DeviceRecord) -> str:
    """One or two words."""
    return "serial" if record.serial is not None else "Bluetooth Low Energy"


def not_driven() -> Iterator[str]:
    """The devices without a driver."""
    yield "\n## Devices without a driver\n"
    yield "| Device | What is known | What is needed |"
    yield "|---|---|---|"
    for device in NOT_DRIVEN:
        yield f"| {device.name} | {device.known} | {device.needed} |"


def flags() -> Iterator[str]:
    """What each flag does to a value."""
    yield "\n## Flags\n"
    yield "| What they do | Flags |"
    yield "|---|---|"
    informing = set(Flag) - VOIDING - DOUBTFUL
    for effect, members in (
        ("no value: null, quality 0", VOIDING),
        (f"a value that the device doubts: quality {DOUBTFUL_QUALITY}", DOUBTFUL),
        ("information beside the value", informing),
    ):
        yield f"| {effect} | {', '.join(f'`{flag}`' for flag in Flag if flag in members)} |"


def main() -> int:
    """Write the page, or compare it; 1 when it is out of date."""
    if "--check" in sys.argv[1:]:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        print("current" if current else "out of date: run scripts/devices_page.py")
        return 0 if current else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
