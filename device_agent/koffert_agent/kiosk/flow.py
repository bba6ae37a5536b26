"""What the patient is asked, and what comes after which answer: one table, no clock, no words."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec
from msgspec import Struct

from koffert_agent.kiosk.measuring import Result
from koffert_wire.messages import SpotContext

# Tries with the clip before the box lets it be.
MOST_TRIES = 3
# What home oxygen is set to, in l/min; None is "I do not know". The patient goes round.
OXYGEN_FLOWS_L_MIN: tuple[float | None, ...] = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 0.5, None)


class Step(StrEnum):
    """Where the patient is; each is one screen."""

    GREETING = "greeting"
    WHO = "who"
    GUEST = "guest"
    OXYGEN = "oxygen"
    OXYGEN_FLOW = "oxygen_flow"
    REST = "rest"
    RELIEVER = "reliever"
    CLIP = "clip"
    HOLD = "hold"
    AGAIN = "again"
    NO_VALUE = "no_value"
    RESULT = "result"
    PAUSE = "pause"
    LOW = "low"
    BLOW_ASK = "blow_ask"
    BLOW = "blow"
    BLOWN = "blown"
    BLOW_RESULT = "blow_result"
    BREATHLESSNESS = "breathlessness_worse"
    SPUTUM = "sputum_more"
    COLOUR = "sputum_colour"
    COUGH = "cough"
    WHEEZE = "wheeze"
    COLD = "cold"
    FEVER = "fever"
    DONE = "done"
    PLAN = "plan"


class Event(StrEnum):
    """What can happen: the first ones are buttons."""

    START = "start"
    PLAN = "plan"
    YES = "yes"
    NO = "no"
    OTHER = "other"
    NEXT = "next"
    STOP = "stop"
    FINGER_ON = "finger-on"
    FINGER_OFF = "finger-off"
    STEADY = "steady"
    TOO_LOW = "too-low"
    LOST = "lost"
    RESTED = "rested"
    BLEW = "blew"
    ENOUGH = "enough"
    LEFT = "left"


# Where readings belong to what the patient has answered.
IN_MEASUREMENT = frozenset(
    {Step.CLIP, Step.HOLD, Step.AGAIN, Step.NO_VALUE}
    | {Step.RESULT, Step.PAUSE, Step.LOW, Step.GUEST}
)
AT_THE_BLOW = frozenset({Step.BLOW, Step.BLOWN})
BEFORE_MEASURING = frozenset({Step.GREETING, Step.PLAN, Step.DONE})
BUTTONS = frozenset(
    {Event.START, Event.PLAN, Event.YES, Event.NO, Event.OTHER, Event.NEXT, Event.STOP}
)


class Flow(Struct, frozen=True):
    """Where the patient is and what has been said; `repeat` marks the measurement after a low one.

    `can_blow` is whether a spirometer that streams its flow is there, `plan_pages` how long the patient's plan is;
    `asks_blow` and `asks_questions` are whether this round of the schedule has them.
    """

    step: Step = Step.GREETING
    context: SpotContext = SpotContext()
    flow_choice: int = 0
    tries: int = 0
    repeat: bool = False
    can_blow: bool = False
    asks_blow: bool = True
    asks_questions: bool = True
    plan_pages: int = 0
    plan_page: int = 0
    result: Result | None = None
    answers: Mapping[str, bool] = MappingProxyType({})

    @property
    def oxygen_flow_l_min(self) -> float | None:
        """The flow that is on the screen."""
        return OXYGEN_FLOWS_L_MIN[self.flow_choice]


Note = Callable[[Flow], Flow]


class Move(Struct, frozen=True):
    """Where an event leads and what is noted; where `only_if` does not hold it leads to, or is, `otherwise`."""

    to: Step
    note: Note = lambda flow: flow
    only_if: Callable[[Flow], bool] = lambda _: True
    otherwise: "Step | Move" = Step.GREETING

    def end(self, flow: Flow) -> Step:
        """The step that this leads to."""
        if self.only_if(flow):
            return self.to
        return self.otherwise if isinstance(self.otherwise, Step) else self.otherwise.end(flow)


def advance(flow: Flow, event: Event, result: Result | None = None) -> Flow:
    """The flow after `event`; the same one where the event means nothing here."""
    move = _LEFT.get(flow.step) if event is Event.LEFT else _MOVES.get((flow.step, event))
    if move is None:
        return flow
    noted = move.note(flow if result is None else msgspec.structs.replace(flow, result=result))
    return msgspec.structs.replace(noted, step=move.end(noted))


# -- what is noted --------------------------------------------------------------------------------


def _circumstance(**said: object) -> Note:
    def note(flow: Flow) -> Flow:
        context = msgspec.structs.replace(flow.context, **said)
        return msgspec.structs.replace(flow, context=context)

    return note


def _flow_accepted(flow: Flow) -> Flow:
    return _circumstance(oxygen_l_min=flow.oxygen_flow_l_min)(flow)


def _other_flow(flow: Flow) -> Flow:
    choice = (flow.flow_choice + 1) % len(OXYGEN_FLOWS_L_MIN)
    return msgspec.structs.replace(flow, flow_choice=choice)


def _answer(question: Step, *, yes: bool) -> Note:
    def note(flow: Flow) -> Flow:
        answers = {**flow.answers, question.value: yes}
        return msgspec.structs.replace(flow, answers=MappingProxyType(answers))

    return note


def _one_more_try(flow: Flow) -> Flow:
    return msgspec.structs.replace(flow, tries=flow.tries + 1)


def _repeat(flow: Flow) -> Flow:
    return msgspec.structs.replace(flow, repeat=True, tries=0)


def _afresh(flow: Flow) -> Flow:
    """All forgotten but how the oxygen was set: tomorrow it will be the same."""
    return Flow(
        flow_choice=flow.flow_choice,
        can_blow=flow.can_blow,
        asks_blow=flow.asks_blow,
        asks_questions=flow.asks_questions,
        plan_pages=flow.plan_pages,
    )


def _may_blow(flow: Flow) -> bool:
    """Nobody blows with all force after a low reading."""
    return flow.can_blow and flow.asks_blow and not flow.repeat


def _is_asked(flow: Flow) -> bool:
    """After a low reading whatever the schedule says."""
    return flow.asks_questions or flow.repeat


def _may_try_again(flow: Flow) -> bool:
    return flow.tries < MOST_TRIES


def _first_low(flow: Flow) -> bool:
    return not flow.repeat


def _has_plan(flow: Flow) -> bool:
    return flow.plan_pages > 0


def _turn(pages: int) -> Note:
    def note(flow: Flow) -> Flow:
        return msgspec.structs.replace(flow, plan_page=flow.plan_page + pages)

    return note


def _is_in_plan(flow: Flow) -> bool:
    return 0 <= flow.plan_page < flow.plan_pages


def _any_major(flow: Flow) -> bool:
    return any(flow.answers.get(question.value, False) for question in MAJORS)


# -- the table ------------------------------------------------------------------------------------

MAJORS = (Step.BREATHLESSNESS, Step.SPUTUM, Step.COLOUR)
MINORS = (Step.COUGH, Step.WHEEZE, Step.COLD, Step.FEVER)


def _questions(
    questions: tuple[Step, ...],
    after: Step,
    only_if: Callable[[Flow], bool] = lambda _: True,
    otherwise: Step = Step.DONE,
) -> dict[tuple[Step, Event], Move]:
    """Yes or no, one after another; the last leads to `after` where `only_if` holds."""
    moves = {}
    for number, question in enumerate(questions, start=1):
        last = number == len(questions)
        for event, yes in ((Event.YES, True), (Event.NO, False)):
            note = _answer(question, yes=yes)
            moves[question, event] = (
                Move(after, note, only_if, otherwise) if last else Move(questions[number], note)
            )
    return moves


_to_the_questions = Move(Step.BREATHLESSNESS, lambda f: f, _is_asked, Step.DONE)
_to_the_blow = Move(Step.BLOW_ASK, lambda f: f, _may_blow, _to_the_questions)

_MOVES: Mapping[tuple[Step, Event], Move] = MappingProxyType(
    {
        (Step.GREETING, Event.START): Move(Step.WHO, _afresh),
        # Somebody has put the clip on without a word.
        (Step.GREETING, Event.FINGER_ON): Move(Step.WHO, _afresh),
        (Step.GREETING, Event.PLAN): Move(Step.PLAN, _afresh, _has_plan),
        (Step.PLAN, Event.NEXT): Move(Step.PLAN, _turn(1), _is_in_plan),
        (Step.PLAN, Event.STOP): Move(Step.PLAN, _turn(-1), _is_in_plan),
        (Step.PLAN, Event.FINGER_ON): Move(Step.WHO, _afresh),
        (Step.WHO, Event.YES): Move(Step.OXYGEN, _circumstance(by_patient=True)),
        (Step.WHO, Event.NO): Move(Step.GUEST, _circumstance(by_patient=False)),
        (Step.GUEST, Event.NEXT): Move(Step.GREETING, _afresh),
        (Step.OXYGEN, Event.YES): Move(Step.OXYGEN_FLOW),
        (Step.OXYGEN, Event.NO): Move(Step.REST, _circumstance(oxygen_l_min=0.0)),
        (Step.OXYGEN_FLOW, Event.OTHER): Move(Step.OXYGEN_FLOW, _other_flow),
        (Step.OXYGEN_FLOW, Event.YES): Move(Step.REST, _flow_accepted),
        (Step.REST, Event.YES): Move(Step.RELIEVER, _circumstance(at_rest=True)),
        (Step.REST, Event.NO): Move(Step.RELIEVER, _circumstance(at_rest=False)),
        (Step.RELIEVER, Event.YES): Move(Step.CLIP, _circumstance(reliever_before=True)),
        (Step.RELIEVER, Event.NO): Move(Step.CLIP, _circumstance(reliever_before=False)),
        (Step.CLIP, Event.FINGER_ON): Move(Step.HOLD),
        (Step.CLIP, Event.STOP): Move(Step.BLOW_ASK, _afresh, _may_blow, Step.GREETING),
        (Step.HOLD, Event.FINGER_OFF): Move(Step.CLIP),
        (Step.HOLD, Event.STEADY): Move(Step.RESULT),
        (Step.HOLD, Event.TOO_LOW): Move(Step.PAUSE, lambda f: f, _first_low, Step.LOW),
        (Step.HOLD, Event.LOST): Move(Step.AGAIN, _one_more_try, _may_try_again, Step.NO_VALUE),
        (Step.AGAIN, Event.FINGER_OFF): Move(Step.CLIP),
        (Step.AGAIN, Event.NEXT): Move(Step.HOLD),
        (Step.PAUSE, Event.RESTED): Move(Step.CLIP, _repeat),
        (Step.NO_VALUE, Event.NEXT): _to_the_blow,
        (Step.RESULT, Event.NEXT): _to_the_blow,
        (Step.BLOW_ASK, Event.YES): Move(Step.BLOW),
        (Step.BLOW_ASK, Event.NO): _to_the_questions,
        (Step.BLOW, Event.BLEW): Move(Step.BLOWN),
        (Step.BLOW, Event.ENOUGH): Move(Step.BLOW_RESULT),
        (Step.BLOW, Event.STOP): _to_the_questions,
        (Step.BLOWN, Event.NEXT): Move(Step.BLOW),
        (Step.BLOWN, Event.STOP): Move(Step.BLOW_RESULT),
        (Step.BLOW_RESULT, Event.NEXT): _to_the_questions,
        (Step.LOW, Event.NEXT): Move(Step.BREATHLESSNESS),
        # The minor signs decide nothing where no major one is there (clinical rule set, layer 2).
        **_questions(MAJORS, Step.COUGH, _any_major),
        **_questions(MINORS, Step.DONE),
        (Step.DONE, Event.NEXT): Move(Step.GREETING, _afresh),
        (Step.DONE, Event.FINGER_ON): Move(Step.WHO, _afresh),
    }
)

# Left standing for so long that nobody is there. What must be read first stays.
_STAYS = {Step.GREETING, Step.PAUSE, Step.LOW, Step.NO_VALUE}
_LEFT: Mapping[Step, Move] = MappingProxyType(
    {step: Move(Step.GREETING, _afresh) for step in Step if step not in _STAYS}
)


def buttons_of(step: Step) -> tuple[Event, ...]:
    """The buttons that mean something in `step`, the affirmative one first."""
    return tuple(event for event in Event if event in BUTTONS and (step, event) in _MOVES)
