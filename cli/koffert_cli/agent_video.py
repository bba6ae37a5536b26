"""`koffert agent video`: the box's part in video visits, as a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from koffert_cli.agent_options import CONFIG, settings_of
from koffert_cli.output import EXIT_FAILED, UserError

if TYPE_CHECKING:
    from koffert_agent.settings import Settings


@click.command()
@CONFIG
def video(config: Path) -> None:
    """Ring, show and talk when the centre calls, until SIGTERM or Ctrl-C."""
    import asyncio  # noqa: PLC0415 - `koffert --help` does without it
    import logging  # noqa: PLC0415

    settings = settings_of(config)
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    # It writes the addresses of both ends.
    logging.getLogger("aioice").setLevel(logging.WARNING)
    try:
        asyncio.run(_run(settings))
    except ImportError as error:
        raise UserError(
            f"video needs {error.name}",
            probable_cause="the box was installed without its video part",
            next_step="pip install 'koffert[agent,video]'",
            exit_code=EXIT_FAILED,
        ) from error


async def _run(settings: Settings) -> None:
    import asyncio  # noqa: PLC0415
    import contextlib  # noqa: PLC0415
    import signal  # noqa: PLC0415

    from koffert_agent.video.process import VideoProcess  # noqa: PLC0415

    serving = asyncio.create_task(
        VideoProcess(settings.data_dir, settings.video).run(), name="video"
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
