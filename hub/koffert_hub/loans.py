"""A loan's states, and what each means for the box and the ward: one table, one way to change it."""

from enum import StrEnum

from msgspec import Struct


class LoanState(StrEnum):
    """Where a loan is; only `next_state` may change it."""

    PLANNED = "planned"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class LoanAction(StrEnum):
    """What a person does to a loan."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"


class EndReason(StrEnum):
    """Why a loan ended."""

    RETURNED = "returned"
    LOST = "lost"
    WITHDRAWN = "withdrawn"
    MOVED = "moved"
    DEAD = "dead"


class LoanRules(Struct, frozen=True, kw_only=True):
    """What happens while a loan is in a state.

    `files` says whether what the box sent is filed under the patient: also after the end, because an
    outbox may hold readings that were taken before it.
    """

    measures: bool = False
    prompts: bool = False
    rings: bool = False
    alerts: bool = False
    files: bool = False

    def hears(self, *, call: bool) -> bool:
        """Whether somebody is told: of the patient's own call wherever calls go, of the rest where it alerts."""
        return self.alerts or (call and self.rings)


class WrongLoanState(Exception):
    """The action does not fit the loan's state; tell the person, change nothing."""


RULES: dict[LoanState, LoanRules] = {
    LoanState.PLANNED: LoanRules(),
    LoanState.ACTIVE: LoanRules(measures=True, prompts=True, rings=True, alerts=True, files=True),
    LoanState.PAUSED: LoanRules(rings=True, files=True),
    LoanState.ENDED: LoanRules(files=True),
}

_TRANSITIONS: dict[LoanState, dict[LoanAction, LoanState]] = {
    LoanState.PLANNED: {
        LoanAction.START: LoanState.ACTIVE,
        LoanAction.END: LoanState.ENDED,
    },
    LoanState.ACTIVE: {
        LoanAction.PAUSE: LoanState.PAUSED,
        LoanAction.END: LoanState.ENDED,
    },
    LoanState.PAUSED: {
        LoanAction.RESUME: LoanState.ACTIVE,
        LoanAction.END: LoanState.ENDED,
    },
    LoanState.ENDED: {},
}


def next_state(state: LoanState, action: LoanAction) -> LoanState:
    """The state after `action`; raises WrongLoanState."""
    following = _TRANSITIONS[state].get(action)
    if following is None:
        raise WrongLoanState(f"a loan that is {state} cannot {action}")
    return following
