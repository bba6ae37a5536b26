"""`koffert agent wipe`: nothing of the last patient stays, and the report proves it to the hub.

Exit codes: 0 clean, 1 something was found afterwards, 2 refused (the agent runs, or readings are unsent).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from koffert_cli.agent_options import CONFIG, settings_of
from koffert_cli.output import EXIT_FAILED, UserError, json_option, print_json

if TYPE_CHECKING:
    from koffert_agent.wipe import WipeJob
    from koffert_wire.wipe_report import SignedWipe


@click.command()
@CONFIG
@click.option(
    "--discard", is_flag=True, help="Also what the hub has never had; it is noted as lost."
)
@click.option("--retire", is_flag=True, help="Also the box's own identity: it leaves the fleet.")
@click.option(
    "--also",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Look through this folder, disk or image as well; may be repeated.",
)
@click.option(
    "--free-space",
    is_flag=True,
    help="Overwrite the disk's free space too, where replaced files lay: minutes for a card.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the signed report there, for `koffert device return --wipe-report`.",
)
@json_option
def wipe(
    config: Path,
    also: tuple[Path, ...],
    report: Path | None,
    *,
    discard: bool,
    retire: bool,
    free_space: bool,
    as_json: bool,
) -> None:
    """Remove everything of the last patient from this box, and search its files for what was there."""
    from koffert_agent.clock import SystemClock  # noqa: PLC0415 - the group's help does without
    from koffert_agent.wipe import WipeJob  # noqa: PLC0415

    settings = settings_of(config)
    signed = _wipe(
        WipeJob(
            device=settings.device,
            data_dir=settings.data_dir,
            link_key=settings.link_key,
            wiped_at_ms=SystemClock().wall_ns() // 1_000_000,
            discard=discard,
            retire=retire,
            also_search=also,
            still_folders=settings.still_folders,
            free_space=free_space,
        )
    )
    if report is not None:
        import msgspec  # noqa: PLC0415

        report.write_bytes(msgspec.json.encode(signed))
    if as_json:
        print_json(signed)
    else:
        click.echo("\n".join(_lines(signed)))
    if signed.report.found:
        raise UserError(
            f"{len(signed.report.found)} places still hold something of the last patient",
            probable_cause="another program has a copy, or the disk keeps old blocks",
            next_step="write the box's image anew, then enrol it again",
            exit_code=EXIT_FAILED,
        )


def _wipe(job: WipeJob) -> SignedWipe:
    from koffert_agent.byte_search import measure  # noqa: PLC0415
    from koffert_agent.wipe import AgentRunning, UnsentReadings, wipe  # noqa: PLC0415

    length = measure([job.data_dir, *job.also_search])
    try:
        with click.progressbar(
            length=length, label="searching", file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:
            return wipe(job, bar.update)
    except AgentRunning as error:
        raise UserError(
            "the agent is running", next_step="systemctl stop koffert-agent, then wipe again"
        ) from error
    except UnsentReadings as error:
        queued = ", ".join(f"{count} {lane.value}" for lane, count in error.queued.items())
        unreadable = f"{error.unreadable} unreadable outboxes" if error.unreadable else ""
        stills = f"{error.untaken_stills} ECG files not read yet" if error.untaken_stills else ""
        waiting = " and ".join(filter(None, (queued, unreadable, stills)))
        raise UserError(
            f"the hub has not confirmed everything: {waiting}",
            probable_cause="the box has not been online since, or the hub has put it off",
            next_step="start the agent and wait for `koffert agent status`; or wipe --discard",
        ) from error


def _lines(signed: SignedWipe) -> list[str]:
    report = signed.report
    lost = ", ".join(
        [f"{count} {lane.value}" for lane, count in report.discarded.items()]
        + ([f"{report.untaken_stills} ECG files"] if report.untaken_stills else [])
    )
    return [
        f"removed   {report.removed_files} files, {report.removed_bytes} bytes overwritten",
        f"free      {report.free_bytes} bytes of free space overwritten",
        f"lost      {lost or 'nothing'}",
        f"searched  {report.searched_bytes} bytes for {report.markers} traces",
        f"found     {', '.join(report.found) or 'nothing'}",
    ]
