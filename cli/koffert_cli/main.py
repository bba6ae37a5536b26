"""The root of `koffert`: a table of command groups, each imported when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module, metadata
from itertools import groupby

import click

from koffert_cli.output import CommandGroup


@dataclass(frozen=True)
class Entry:
    """One line of `koffert`: the command, where it lives, and the task that it serves."""

    task: str
    name: str
    target: str  # "module:attribute"
    summary: str

    def load(self) -> click.Command:
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is not a click command")
        return command


# Shown in this order, under each task's heading. To add a command, add a line (and a page under docs/).
ENTRIES: tuple[Entry, ...] = (
    Entry(
        "Try it",
        "demo",
        "koffert_cli.demo:demo",
        "Broker, hub and boxes with simulated patients, on this machine.",
    ),
    Entry(
        "Devices",
        "driver",
        "koffert_cli.driver:driver",
        "Known devices, and what their bytes mean.",
    ),
    Entry(
        "Signals",
        "signal",
        "koffert_cli.signal:signal",
        "Analyse ECG, PPG and spirometry files; pack signals without loss.",
    ),
    Entry(
        "The box", "agent", "koffert_cli.agent:agent", "Run the box, look into it, find its faults."
    ),
    Entry(
        "The centre",
        "device",
        "koffert_cli.device:device",
        "Announce, lend, take back and revoke boxes.",
    ),
    Entry("The centre", "hub", "koffert_cli.hub:hub", "Set up, run and look after the hub."),
    Entry("The centre", "amk", "koffert_cli.amk:amk", "Hold the register of each hub's log."),
    Entry("The centre", "alert", "koffert_cli.alert:alert", "Alert rules: evaluate, check, score."),
    Entry("The centre", "log", "koffert_cli.log:log", "Read and verify the transmission log."),
)


class RootGroup(CommandGroup):
    """Lists commands by task, and imports one only to run it or show its own help."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [entry.name for entry in ENTRIES]

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        return next((entry.load() for entry in ENTRIES if entry.name == cmd_name), None)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for task, entries in groupby(ENTRIES, key=lambda entry: entry.task):
            with formatter.section(task):
                formatter.write_dl([(f"koffert {entry.name}", entry.summary) for entry in entries])


@click.command(cls=RootGroup, invoke_without_command=True)
@click.option("--version", is_flag=True, help="Print the version.")
@click.pass_context
def main(context: click.Context, *, version: bool) -> None:
    """Koffert: home measurements of COPD patients, from the suitcase to the centre.

    Not a medical device. Every command takes --help, and --json where it prints results.
    """
    if version:
        click.echo(metadata.version("koffert"))
    elif context.invoked_subcommand is None:
        click.echo(context.get_help())
