"""What a visit costs the box's processor by size and rate, encoded and passed on, against bare aiortc in the same run.

Both ends speak over loopback; only the sending process is measured. The bare one has the same pictures, sound, codec
and bits, and nothing else: no signalling, no ladder, no shared camera, no statistics. The box itself sends 15 pictures a
second at most; 30 is what that would cost.
"""

import asyncio
from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.report import Baseline, Result, publish
from benchmarks.video_receiver import Cost, Sender, Watcher, cost
from benchmarks.video_senders import Picture

USUAL = Picture(640, 480, 15, 400_000)
OTHERS = (
    Picture(160, 120, 5, 50_000),
    Picture(320, 240, 15, 150_000),
    Picture(640, 480, 30, 600_000),
    Picture(1280, 720, 15, 900_000),
)
PASSED = (USUAL, *OTHERS[2:])
MEASURED_S = 8.0
ROUNDS = 3
# A round in which a busy machine lost pictures compares nothing.
FULL = 0.93
MOST_ROUNDS = 8


async def alone(kind: str, picture: Picture) -> Cost:
    """One sender and one watcher."""
    async with Sender.start(kind, picture) as sender:
        watcher = Watcher(picture)
        await watcher.join(sender)
        return await cost([sender], [watcher], MEASURED_S, picture)


async def compared(picture: Picture) -> dict[str, Cost]:
    """Bare aiortc and a visit, the middle of some rounds, in turns, for a machine that is shared."""
    rounds = list[tuple[Cost, Cost]]()
    for _ in range(MOST_ROUNDS):
        pair = await alone("bare", picture), await alone("visit", picture)
        if min(one.pictures_hz for one in pair) >= FULL * picture.rate_hz:
            rounds.append(pair)
        if len(rounds) == ROUNDS:
            break
    else:
        raise SystemExit(f"the machine is too busy: {picture} never came whole")
    bare, visit = map(middle, zip(*rounds, strict=True))
    return {"bare": bare, "visit": visit}


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each number."""
    cpu_pct, *others = zip(*costs, strict=True)
    return Cost((median(one[0] for one in cpu_pct),), *map(median, others))


def ratio(both: Mapping[str, Cost]) -> float:
    """Of what each picture that came has cost: one that was lost is no saving."""
    bare, visit = (both[name].cpu_pct[0] / both[name].pictures_hz for name in ("bare", "visit"))
    return visit / bare


def shown(name: str, picture: Picture, seen: Cost) -> dict[str, float]:
    """What goes into the result's detail."""
    of = f"{name} {picture.width}x{picture.height} {picture.rate_hz}/s"
    numbers = zip(Cost._fields, (seen.cpu_pct[0], *seen[1:]), strict=True)
    return {f"{of} {field}": number for field, number in numbers}


async def main() -> None:
    """One after the other, so that neither is measured while the other runs."""
    costs = {picture: await compared(picture) for picture in (USUAL, *OTHERS)}
    detail = dict[str, float]()
    for picture, both in costs.items():
        for name, seen in both.items():
            detail |= shown(name, picture, seen)
        detail[f"ratio {picture.width}x{picture.height} {picture.rate_hz}/s"] = ratio(both)
    for picture in PASSED:
        detail |= shown("passed", picture, await alone("passed", picture))
    bare, visit = (costs[USUAL][name].cpu_pct[0] for name in ("bare", "visit"))
    publish(
        Result(
            name="video",
            value=visit,
            unit="% of a core",
            baseline=Baseline("bare aiortc", bare),
            ratio=ratio(costs[USUAL]),
            detail=detail,
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
