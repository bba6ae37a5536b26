"""The video process with test devices, in a process and perhaps a network of its own: `python -m tests.support.video_alone FOLDER`."""

import asyncio
import sys
from pathlib import Path

from koffert_agent.video.process import VideoProcess
from tests.support.visit import TEST_DEVICES


async def _serve() -> None:
    await VideoProcess(Path(sys.argv[1]), TEST_DEVICES).run()


if __name__ == "__main__":
    asyncio.run(_serve())
