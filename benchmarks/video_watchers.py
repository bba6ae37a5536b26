"""What one, two and three watchers cost: served by the box directly, and by a hub in between that decodes and encodes.

The baseline is the box with three watchers through such a hub, which encodes once; the detail has the hub's own cost and how
old the pictures are when they have been decoded at the watcher's.
"""

import asyncio

from benchmarks.report import Baseline, Result, publish
from benchmarks.video_receiver import Cost, Sender, Watcher, cost
from benchmarks.video_senders import Picture
from koffert_wire.call import MOST_WATCHERS

PICTURE = Picture(640, 480, 15, 400_000)
MEASURED_S = 8.0


async def direct(number: int) -> Cost:
    """The box serves each."""
    async with Sender.start("visit", PICTURE) as box:
        watchers = [Watcher(PICTURE) for _ in range(number)]
        for one in watchers:
            await one.join(box)
        return await cost([box], watchers, MEASURED_S, PICTURE)


async def by_the_hub(number: int) -> Cost:
    """The box serves the hub, and the hub each."""
    async with Sender.start("visit", PICTURE) as box, Sender.start("relay", PICTURE) as hub:
        await hub.ask(await box.ask(await hub.hear()))
        watchers = [Watcher(PICTURE) for _ in range(number)]
        for one in watchers:
            await one.join(hub)
        return await cost([box, hub], watchers, MEASURED_S, PICTURE)


async def main() -> None:
    """One after the other."""
    detail = dict[str, float]()
    for number in range(1, MOST_WATCHERS + 1):
        for name, held in (("direct", direct), ("hub", by_the_hub)):
            seen = await held(number)
            parts = dict(zip(("box", "hub"), seen.cpu_pct, strict=False))
            detail |= {f"{name} {number} {part}_pct": pct for part, pct in parts.items()}
            detail |= {f"{name} {number} {one}": getattr(seen, one) for one in Cost._fields[1:]}
    ours, other = (detail[f"{name} {MOST_WATCHERS} box_pct"] for name in ("direct", "hub"))
    publish(
        Result(
            name="video-watchers",
            value=ours,
            unit="% of a core",
            baseline=Baseline("encoded once, for a hub", other),
            ratio=ours / other,
            detail=detail,
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
