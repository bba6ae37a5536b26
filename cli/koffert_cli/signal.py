"""`koffert signal`: ECG, PPG and spirometry files analysed, and signals packed without loss."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click
import numpy as np

from koffert_cli.output import CommandGroup, UserError, json_option, print_json
from koffert_cli.signals.answers import EcgAnswer, PpgAnswer, ecg_answer, ppg_answer
from koffert_cli.signals.files import Ints, Recording, read
from koffert_signal.codec import pack as pack_samples
from koffert_signal.codec import unpack as unpack_samples
from koffert_signal.errors import SignalError

# Commands that live in modules of their own and are imported when they are asked for.
ELSEWHERE = {
    "spirometry": "koffert_cli.signal_spirometry:spirometry",
    "reference": "koffert_cli.signal_spirometry:reference",
}

rate_option = click.option(
    "--fs", "fs_hz", type=float, help="Samples a second, where no time column tells."
)
existing_file = click.Path(dir_okay=False, path_type=Path)


class SignalGroup(CommandGroup):
    """Adds the commands that are imported lazily."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = ELSEWHERE[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        return command if isinstance(command, click.Command) else None


@click.group(cls=SignalGroup)
def signal() -> None:
    """Signals: beats, quality and intervals, blows and their grades, lossless packing.

    What is measured is unconfirmed and for research use; nothing here is a finding.
    """


@signal.command()
@click.argument("file", type=existing_file)
@rate_option
@click.option("--lead", metavar="NAME", help="The lead to find beats in; else the clearest one.")
@click.option(
    "--plot", "plot_path", type=existing_file, help="Also draw the sheet to this .png or .svg."
)
@json_option
def ecg(
    file: Path, fs_hz: float | None, lead: str | None, plot_path: Path | None, *, as_json: bool
) -> None:
    """Find the beats of an ECG: CSV in mV, WFDB, EDF, SCP-ECG, DICOM or aECG."""
    recording = _read(file, fs_hz)
    try:
        answer = ecg_answer(recording, lead)
    except SignalError as error:
        raise UserError(f"{file.name}: {error}") from error
    if plot_path is not None:
        from koffert_cli.signals.sheet import draw  # noqa: PLC0415 - only a plot needs it

        draw(recording, answer, plot_path)
    _print(answer, as_json=as_json)


@signal.command()
@click.argument("file", type=existing_file)
@rate_option
@json_option
def ppg(file: Path, fs_hz: float | None, *, as_json: bool) -> None:
    """Find the pulse beats of a PPG: CSV with one column, or a time column and one more."""
    recording = _read(file, fs_hz)
    try:
        answer = ppg_answer(recording)
    except SignalError as error:
        raise UserError(f"{file.name}: {error}") from error
    _print(answer, as_json=as_json)


@signal.command()
@click.argument("file", type=existing_file)
@click.argument("out", type=existing_file)
@rate_option
@click.option(
    "--step",
    type=click.FloatRange(min=0, min_open=True),
    help="Size of one step, where values are not whole.",
)
@json_option
def pack(file: Path, out: Path, fs_hz: float | None, step: float | None, *, as_json: bool) -> None:  # noqa: ARG001 - it prints JSON always
    """Pack a recording without loss; values that are not whole numbers need their step."""
    recording = _read(file, fs_hz)
    samples, step = _whole(recording, step)
    info: dict[str, str | int | float | list[str]] = {
        "fs_hz": recording.fs_hz,
        "leads": list(recording.leads),
        "step": step,
    }
    packed = pack_samples(samples, info=info)
    _write(out, packed)
    print_json(
        {
            "channels": samples.shape[0],
            "samples": samples.shape[1],
            "bytes": len(packed),
            "bits_per_sample": round(8 * len(packed) / samples.size, 4),
            "ratio": round(2 * samples.size / len(packed), 3),
            "step": step,
        }
    )


@signal.command()
@click.argument("file", type=existing_file)
@click.argument("out", type=existing_file)
@json_option
def unpack(file: Path, out: Path, *, as_json: bool) -> None:  # noqa: ARG001 - it prints JSON always
    """Unpack to CSV: a column for each lead, whole steps as they were packed."""
    try:
        back = unpack_samples(file.read_bytes())
    except OSError as error:
        raise UserError(f"{file.name}: {error.strerror or error}") from error
    except SignalError as error:
        raise UserError(f"{file.name}: {error}") from error
    leads, step = _described(back.head.info, back.samples)
    text = "\n".join([",".join(leads), *_lines(back.samples, step)]) + "\n"
    _write(out, text.encode())
    print_json(
        {
            "channels": back.head.channels,
            "samples": back.head.samples,
            "info": back.head.info,
            "damaged_blocks": back.damaged,
        }
    )


def _read(file: Path, fs_hz: float | None) -> Recording:
    if fs_hz is not None and not 0 < fs_hz <= 1e6:
        raise UserError(f"{fs_hz:g} samples a second make no sense")
    return read(file, fs_hz)


def _whole(recording: Recording, step: float | None) -> tuple[Ints, float]:
    """Return whole numbers and what one is worth; UserError where the step does not divide."""
    if recording.whole is not None and step is None:
        return recording.whole, 1.0
    if not np.all(np.abs(recording.values) < 2**53):  # also what is not a number
        raise UserError(
            "gaps and values beyond measure cannot be packed",
            next_step="pack the stretches without gaps",
        )
    if step is None:
        step = _step_of(recording.values)
    steps = np.rint(recording.values / step)
    if not np.all(np.abs(steps * step - recording.values) <= 1e-6 * step + 1e-9):
        raise UserError(
            "not whole multiples of one step: packing would lose something",
            next_step="give the recorder's step with --step",
        )
    return steps.astype(np.int64), step


def _step_of(values: np.ndarray) -> float:
    """Return the decimal step that values written as text have."""
    for digits in range(1, 10):
        step = 10.0**-digits
        if np.all(np.abs(np.rint(values / step) * step - values) < 1e-3 * step):
            return step
    raise UserError("values that are not whole numbers", next_step="give their step with --step")


def _described(
    info: dict[str, str | int | float | list[str]], samples: Ints
) -> tuple[list[str], float]:
    leads, step = info.get("leads"), info.get("step", 1.0)
    named = isinstance(leads, list) and len(leads) == len(samples)
    names = [str(lead) for lead in leads] if named and isinstance(leads, list) else []
    names = names or [f"lead{number}" for number in range(1, len(samples) + 1)]
    return names, float(step) if isinstance(step, int | float) else 1.0


def _lines(samples: Ints, step: float) -> list[str]:
    if step == 1.0:
        return [",".join(map(str, row)) for row in samples.T.tolist()]
    digits = max(0, -int(np.floor(np.log10(step)))) + 3
    return [",".join(f"{value * step:.{digits}f}" for value in row) for row in samples.T.tolist()]


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path.name}: {error.strerror or error}") from error


def _print(answer: EcgAnswer | PpgAnswer, *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        print_json(answer)
        return
    skipped = {"peaks", "rr_ms", "quality_per_second"}
    for name in answer.__struct_fields__:
        if name not in skipped:
            click.echo(f"{name:22} {getattr(answer, name)}")
    click.echo(f"{'beats':22} {len(answer.peaks)}")
