"""The life of an alert: a table of states and actions, and what each action needs.

One alert is open per loan and cause. Red and yellow latch: when the condition is over they stay open until a
person has taken them. Blue goes by itself. Snoozing never covers red, and a step up opens a new alert, so
nothing graver is ever hidden behind something snoozed or taken.
"""

from enum import StrEnum

from msgspec import Struct

from koffert_hub.alerts.records import Priority


class Life(StrEnum):
    """Where an alert is; only `follow` may change it."""

    OPEN = "open"
    AUDIO_PAUSED = "audio-paused"
    SNOOZED = "snoozed"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Action(StrEnum):
    """What happens to an alert: the engine and the clock do some, people the others."""

    RAISE = "raise"
    ACKNOWLEDGE = "acknowledge"
    PAUSE_AUDIO = "pause-audio"
    SNOOZE = "snooze"
    WAKE = "wake"
    CLEAR = "clear"
    RESOLVE = "resolve"
    SUPERSEDE = "supersede"
    SILENCE = "silence"
    REVISE = "revise"
    EASE = "ease"
    HAND_OVER = "hand-over"
    ESCALATE = "escalate"


class WrongLife(Exception):
    """The action does not fit the alert's state; tell the person, change nothing."""


_UNTAKEN: dict[Action, Life] = {
    Action.ACKNOWLEDGE: Life.ACKNOWLEDGED,
    Action.PAUSE_AUDIO: Life.AUDIO_PAUSED,
    Action.SNOOZE: Life.SNOOZED,
    Action.SUPERSEDE: Life.RESOLVED,
    Action.SILENCE: Life.RESOLVED,
}
_TRANSITIONS: dict[Life, dict[Action, Life]] = {
    Life.OPEN: {**_UNTAKEN, Action.CLEAR: Life.OPEN},
    Life.AUDIO_PAUSED: {
        **_UNTAKEN,
        Action.WAKE: Life.OPEN,
        Action.CLEAR: Life.AUDIO_PAUSED,
    },
    Life.SNOOZED: {
        Action.ACKNOWLEDGE: Life.ACKNOWLEDGED,
        Action.WAKE: Life.OPEN,
        Action.CLEAR: Life.RESOLVED,
        Action.SUPERSEDE: Life.RESOLVED,
        Action.SILENCE: Life.RESOLVED,
    },
    Life.ACKNOWLEDGED: {
        Action.HAND_OVER: Life.ACKNOWLEDGED,
        Action.EASE: Life.ACKNOWLEDGED,
        Action.CLEAR: Life.RESOLVED,
        Action.RESOLVE: Life.RESOLVED,
        Action.SUPERSEDE: Life.RESOLVED,
        Action.SILENCE: Life.RESOLVED,
    },
    Life.RESOLVED: {},
}


class Standing(Struct, frozen=True):
    """What the machine needs to know of an alert."""

    life: Life
    priority: Priority
    cleared: bool = False


def follow(standing: Standing, action: Action) -> Life:
    """The state after `action`; raises WrongLife."""
    if action is Action.SNOOZE and standing.priority is Priority.RED:
        raise WrongLife("a red alert cannot be snoozed")
    following = _TRANSITIONS[standing.life].get(action)
    if following is None:
        raise WrongLife(f"an alert that is {standing.life} cannot {action}")
    over = action is Action.CLEAR and standing.priority is Priority.BLUE
    taken = action is Action.ACKNOWLEDGE and standing.cleared
    return Life.RESOLVED if over or taken else following


def sounds(standing: Standing) -> bool:
    """Whether it may be heard and seen flashing."""
    return standing.life is Life.OPEN


def diagram() -> str:
    """The table as Mermaid, for the documentation."""
    lines = ["stateDiagram-v2", "    [*] --> open: raise"]
    for life, actions in _TRANSITIONS.items():
        for action, target in actions.items():
            lines.append(f"    {life.replace('-', '_')} --> {target.replace('-', '_')}: {action}")
    return "\n".join(lines)
