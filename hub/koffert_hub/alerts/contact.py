"""What is no vital sign: consciousness, the call button, failed attempts, and faults of the equipment."""

import re
from functools import partial

from koffert_hub.alerts.records import (
    CALL_BUTTON,
    CANNOT_MEASURE,
    CONSCIOUSNESS,
    DEVICE_PREFIX,
    Finding,
    Level,
    Reading,
)
from koffert_hub.alerts.state import Awaited
from koffert_hub.alerts.turn import Turn

_MS_PER_MIN = 60_000
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


def judge_consciousness(turn: Turn, reading: Reading, acvpu: str) -> None:
    """Anything but alert is red at once: nobody waits for a repeat of that."""
    level = Level.NONE if acvpu == "A" else Level.RED
    find = partial(
        Finding, "consciousness", {"consciousness": acvpu}, {"alert": "A"}, (reading.id,)
    )
    turn.observe(CONSCIOUSNESS, level, find)


def judge_call(turn: Turn, reading: Reading, *, pressed: bool) -> None:
    """A press rings at once and becomes red when nobody answers; 0 is the answer."""
    state = turn.state
    if not pressed:
        state.awaited.pop(CALL_BUTTON, None)
        find = partial(Finding, "call-button", {}, {})
        turn.observe(CALL_BUTTON, Level.NONE, find)
    elif CALL_BUTTON not in state.awaited:
        wait_ms = int(turn.case.rules.call.unanswered_s * 1_000)
        turn.wait(CALL_BUTTON, turn.awaited_for(reading, 1, wait_ms))


def raise_unanswered(turn: Turn, awaited: Awaited) -> None:
    """Nobody answered in time. A press long after this one is a call of its own."""
    rules = turn.case.rules.call
    find = partial(
        Finding,
        "call-button",
        {"unanswered_s": rules.unanswered_s},
        {"unanswered_s": rules.unanswered_s},
        (awaited.reading,),
    )
    turn.observe(CALL_BUTTON, Level.RED, find)
    turn.fall(CALL_BUTTON, Level.NONE, int(rules.forgotten_after_min * _MS_PER_MIN))


def note_failure(turn: Turn) -> None:
    """An oximeter reading that is no value: the third attempt in a row is told to the nurse."""
    rules, state = turn.case.rules.confirmation, turn.state
    within_ms = int(rules.attempts_within_min * _MS_PER_MIN)
    recent = [at for at in state.failed_attempts_ms if turn.now_ms - at <= within_ms]
    if not recent or turn.now_ms - recent[-1] >= rules.attempt_apart_s * 1_000:
        recent.append(turn.now_ms)
    state.failed_attempts_ms = recent[-rules.failed_attempts :]
    if len(recent) < rules.failed_attempts:
        return
    find = partial(
        Finding,
        "cannot-measure",
        {"failed_attempts": len(recent)},
        {"failed_attempts": rules.failed_attempts, "within_min": rules.attempts_within_min},
    )
    turn.observe(CANNOT_MEASURE, Level.YELLOW, find)


def note_success(turn: Turn) -> None:
    """The oximeter gave a value: earlier failures are over."""
    if turn.state.failed_attempts_ms:
        turn.state.failed_attempts_ms = []
        turn.observe(CANNOT_MEASURE, Level.NONE, partial(Finding, "cannot-measure", {}, {}))


def judge_device(turn: Turn, reading: Reading, problem: str | None) -> None:
    """A fault is blue, one per problem; None says that all are mended."""
    if problem is None:
        standing = [cause for cause in turn.state.tracks if cause.startswith(DEVICE_PREFIX)]
        for cause in standing:
            turn.observe(cause, Level.NONE, partial(Finding, "device", {}, {}))
        return
    find = partial(Finding, "device", {"problem": problem}, {"faults": 0}, (reading.id,))
    cause = DEVICE_PREFIX + _NOT_A_NAME.sub("_", problem.strip().lower())
    turn.observe(cause, Level.BLUE, find)
