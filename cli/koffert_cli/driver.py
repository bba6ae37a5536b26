"""`koffert driver`: which devices there are, and what their bytes mean."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import click
from msgspec import Struct
from msgspec.structs import asdict

from koffert_cli.output import CommandGroup, UserError, json_option, print_json
from koffert_drivers.device import DeviceRecord, UnknownStream
from koffert_drivers.measurement import Event, FrameError
from koffert_drivers.parser import Parser
from koffert_drivers.table import DEVICES, UnknownDevice, device


class ErrorLine(Struct, frozen=True):
    """A damaged frame, or a line of input that is not hex; `hex` is how it begins."""

    error: str
    detail: str
    hex: str


class DeviceLine(Struct, frozen=True):
    """One device as `driver list` shows it."""

    id: str
    name: str
    transport: str
    kinds: tuple[str, ...]
    streams: tuple[str, ...]
    quality: dict[str, str]


@click.group(cls=CommandGroup)
def driver() -> None:
    """The devices that Koffert speaks with, and their bytes."""


@driver.command("list")
@json_option
def list_devices(*, as_json: bool) -> None:
    """List every device: what it measures, how it is connected, how far its driver is."""
    lines = [_line(record) for record in DEVICES]
    if as_json or not sys.stdout.isatty():
        for line in lines:
            print_json(line)
        return
    width = max(len(line.id) for line in lines)
    for line in lines:
        click.echo(f"{line.id:{width}}  {line.transport:6}  {line.name}: {', '.join(line.kinds)}")


@driver.command()
@click.argument("device_id", metavar="DEVICE")
@click.option("--channel", metavar="UUID", help="The characteristic that the bytes came from.")
@click.option("--format", "data_format", metavar="NAME", help="The serial data format.")
@json_option
def decode(device_id: str, channel: str | None, data_format: str | None, *, as_json: bool) -> None:  # noqa: ARG001 - it prints JSON always
    """Decode the bytes of DEVICE: lines of hex on stdin, each one chunk as it was received.

    Prints one JSON object a line for each measurement and for each damaged frame.
    """
    try:
        parser = device(device_id).make_parser(channel or data_format)
    except (UnknownDevice, UnknownStream) as error:
        raise UserError(str(error), next_step="koffert driver list") from error
    for line in decoded(parser, sys.stdin.buffer):
        print_json(line)


def decoded(parser: Parser, lines: Iterable[bytes]) -> Iterator[object]:
    """What the hex `lines` mean, as records to print."""
    for line in lines:
        chunk = _chunk(line)
        if isinstance(chunk, ErrorLine):
            yield chunk
        elif chunk:
            yield from map(_printable, parser.feed(chunk))
    yield from map(_printable, parser.close())


def _chunk(line: bytes) -> bytes | ErrorLine:
    try:
        return bytes.fromhex(line.decode("ascii"))
    except ValueError:
        return ErrorLine("not-hex", "the line is not pairs of hex digits", line[:32].hex())


def _printable(event: Event) -> object:
    if isinstance(event, FrameError):
        return ErrorLine(event.reason, event.detail, event.data.hex())
    return event


def _line(record: DeviceRecord) -> DeviceLine:
    return DeviceLine(
        record.id,
        record.name,
        record.transport,
        record.kinds,
        tuple(stream.name for stream in record.streams),
        {rule: mark.state for rule, mark in asdict(record.quality_scale).items()},
    )
