"""False alarms, predictive value and early warning on the simulated cohort, next to simpler rules.

The three figures stand together: a silent engine has no false alarms, and no warnings either. They say how
the rules behave under the assumptions of `cohort.py`, and nothing about patients.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, pstdev
from typing import NamedTuple

import msgspec
import numpy as np

from benchmarks.report import ROOT, Baseline, Result, publish
from koffert_cli.simulation.cohort import LOAN_DAYS, Assumptions, Loan, day_of, make_loan
from koffert_hub.alerts.case import case_of
from koffert_hub.alerts.engine import evaluate
from koffert_hub.alerts.records import Alert, Kind, Priority
from koffert_hub.alerts.rules import RuleSet, load_rules
from koffert_hub.alerts.scores import Observations, news2

SEED = 20_261_122
LOANS = 4_400  # of 14 days: 2,053 patient-months of 30 days
VARIED_LOANS = 600
MONTH_DAYS = 30
# An alert belongs to an event from two days before its onset (vitals may move first) to 14 days after.
BEFORE_DAYS, AFTER_DAYS, BY_DAY = 2, 14, 2
PLOT = ROOT / "docs" / "explanation" / "alert-cohort.svg"
_RED_WITHIN_MS = 10 * 60_000


class Raised(NamedTuple):
    """When a rule raised what."""

    day: int
    priority: Priority
    cause: str = ""


class Figures(msgspec.Struct, frozen=True):
    """What a rule did on a cohort."""

    yellow_per_stable_month: float
    ppv: float
    sensitivity_day2: float
    alerts: int
    red_per_stable_month: float
    events: int


class CohortResult(Result, frozen=True, kw_only=True):
    """The benchmark's outcome, with its three figures side by side."""

    ppv: float
    sensitivity_day2: float
    baselines: dict[str, Figures]


Rule = Callable[[Loan], list[Raised]]


def cohort(assume: Assumptions, loans: int, seed: int = SEED) -> list[Loan]:
    """Loans drawn one after the other."""
    random = np.random.default_rng(seed)
    return [make_loan(assume, random) for _ in range(loans)]


def our_rules(rules: RuleSet) -> Rule:
    """The engine under test; blue is left out, it is for the equipment."""

    def raised(loan: Loan) -> list[Raised]:
        alerts = evaluate(case_of(rules, loan.patient), loan.readings)
        assert not any(map(_slow_red, alerts)), "a red waited longer than its confirmation may take"
        return [Raised(day_of(a.raised_ms), a.priority, a.cause) for a in alerts]

    return raised


def _slow_red(alert: Alert) -> bool:
    minutes = alert.inputs.get("minutes_between")
    return isinstance(minutes, float) and minutes * 60_000 > _RED_WITHIN_MS


def spo2_below_90(loan: Loan) -> list[Raised]:
    """Each episode of SpO2 below 90 %, as most systems alarm."""
    return _episodes((day, value < 90) for day, value in _daily(loan, Kind.SPO2))


def rolling_limits(loan: Loan) -> list[Raised]:
    """SpO2 below the mean of the last 7 days minus 1.645 SD."""
    days = list(_daily(loan, Kind.SPO2))

    def low() -> Iterator[tuple[int, bool]]:
        for place, (day, value) in enumerate(days):
            last = [earlier for _, earlier in days[max(0, place - 7) : place]]
            yield day, len(last) >= 3 and value < fmean(last) - 1.645 * pstdev(last)

    return _episodes(low())


def plain_news2(loan: Loan) -> list[Raised]:
    """Partial NEWS2 of each session, on scale 1 as it is used where nobody set a target."""
    rates = dict(_daily(loan, Kind.RESPIRATORY_RATE))
    pulses = dict(_daily(loan, Kind.PULSE))

    def high() -> Iterator[tuple[int, bool]]:
        for day, value in _daily(loan, Kind.SPO2):
            score = news2(
                Observations(
                    spo2_pct=value,
                    pulse_bpm=pulses.get(day),
                    respiratory_rate_bpm=rates.get(day),
                    on_oxygen=False,
                )
            )
            yield day, score.score >= 5 or score.any_three

    return _episodes(high())


BASELINES: dict[str, Rule] = {
    "spo2_below_90_once": spo2_below_90,
    "rolling_7_day_limits": rolling_limits,
    "plain_news2": plain_news2,
}


def measure(rule: Rule, loans: list[Loan]) -> Figures:
    """The figures of one rule on one cohort."""
    stable_days = yellow = red = alerts = true = events = flagged = 0
    for loan in loans:
        raised = [one for one in rule(loan) if one.priority is not Priority.BLUE]
        alerts += len(raised)
        if loan.came_home_unwell:
            continue  # neither stable nor a new event: what is raised there counts as false
        if loan.onset_day is None:
            stable_days += LOAN_DAYS
            yellow += sum(one.priority is Priority.YELLOW for one in raised)
            red += sum(one.priority is Priority.RED for one in raised)
            continue
        since = [one.day - loan.onset_day for one in raised]
        true += sum(-BEFORE_DAYS <= day <= AFTER_DAYS for day in since)
        if loan.symptom_defined:
            events += 1
            flagged += any(-BEFORE_DAYS <= day <= BY_DAY for day in since)
    months = stable_days / MONTH_DAYS
    return Figures(
        round(yellow / months, 3),
        round(true / max(alerts, 1), 3),
        round(flagged / max(events, 1), 3),
        alerts,
        round(red / months, 3),
        events,
    )


def _daily(loan: Loan, kind: Kind) -> Iterator[tuple[int, float]]:
    """The first good value of each day."""
    seen: set[int] = set()
    for one in loan.readings:
        day = day_of(one.measured_ms)
        if one.kind is kind and one.quality > 0.5 and day not in seen:
            seen.add(day)
            assert isinstance(one.value, float)
            yield day, one.value


def _episodes(days: Iterator[tuple[int, bool]]) -> list[Raised]:
    """One alert where the condition begins, as one open alert per cause has it."""
    raised, before = [], False
    for day, now in days:
        if now and not before:
            raised.append(Raised(day, Priority.YELLOW))
        before = now
    return raised


# Each assumption, lower and higher than assumed: what a reader would doubt first.
VARIED: dict[str, tuple[float, float]] = {
    "event_share": (0.10, 0.30),
    "baseline_set_share": (0.0, 0.5),
    "baseline_error_sd": (0.0, 1.5),
    "spo2_within_sd": (0.8, 2.0),
    "pulse_within_sd": (3.0, 8.0),
    "spo2_fall": (1.0, 5.0),
    "pulse_rise": (4.0, 20.0),
    "ramp_days": (2.0, 8.0),
    "major_share": (0.4, 0.9),
    "reported_share": (0.5, 1.0),
    "false_symptom": (0.0, 0.06),
    "recovery_days": (1.0, 5.0),
    "recovery_symptoms": (0.0, 0.4),
    "missed_days": (0.0, 0.3),
    "missed_diary": (0.0, 0.3),
    "artefacts": (0.0, 0.03),
    "scale_2_share": (0.0, 1.0),
    "device_swap_share": (0.0, 0.3),
}


def vary(rules: RuleSet) -> dict[str, tuple[Figures, Figures]]:
    """The figures with one assumption moved at a time."""
    return {
        name: (
            measure(our_rules(rules), cohort(_with(name, low), VARIED_LOANS)),
            measure(our_rules(rules), cohort(_with(name, high), VARIED_LOANS)),
        )
        for name, (low, high) in VARIED.items()
    }


def _with(name: str, value: float) -> Assumptions:
    return msgspec.structs.replace(Assumptions(), **{name: value})


def draw(varied: dict[str, tuple[Figures, Figures]], ours: Figures, path: Path) -> None:
    """One bar per assumption and figure, from its low to its high value."""
    import matplotlib as mpl  # noqa: PLC0415 - only whoever draws needs it

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "koffert", "svg.fonttype": "none"}
    from matplotlib import pyplot as plt  # noqa: PLC0415

    shown = (
        ("yellow_per_stable_month", "yellow per stable patient-month", 0.5),
        ("ppv", "positive predictive value", 0.4),
        ("sensitivity_day2", "flagged by day 2", 0.8),
    )
    figure, axes = plt.subplots(1, 3, sharey=True, figsize=(11, 6), layout="constrained")
    for axis, (name, title, target) in zip(axes, shown, strict=True):
        for place, (low, high) in enumerate(varied.values()):
            ends = [getattr(low, name), getattr(high, name)]
            axis.plot(ends, [place, place], color="0.6", linewidth=4, solid_capstyle="butt")
            axis.plot(ends[0], place, "o", color="tab:blue")
            axis.plot(ends[1], place, "s", color="tab:orange")
        axis.axvline(getattr(ours, name), color="0.2", linewidth=1)
        axis.axvline(target, color="tab:red", linewidth=1, linestyle="--")
        axis.set_title(title, fontsize=10)
    labels = [f"{name} {low:g} to {high:g}" for name, (low, high) in VARIED.items()]
    axes[0].set_yticks(range(len(labels)), labels)
    figure.suptitle("One assumption at a time: low (round), high (square), target (dashed)")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, and publish `alert-cohort`; with `--plot`, also draw what each assumption does."""
    rules = load_rules(ROOT / "config" / "rules" / "copd-follow-up.toml")
    loans = cohort(Assumptions(), LOANS)
    ours = measure(our_rules(rules), loans)
    baselines = {name: measure(rule, loans) for name, rule in BASELINES.items()}
    if "--plot" in sys.argv[1:]:
        draw(vary(rules), ours, PLOT)
    classic = baselines["spo2_below_90_once"].yellow_per_stable_month
    publish(
        CohortResult(
            name="alert-cohort",
            value=ours.yellow_per_stable_month,
            unit=(
                f"yellow per stable patient-month (PPV {ours.ppv:.0%}, "
                f"{ours.sensitivity_day2:.0%} flagged by day 2; simulated)"
            ),
            ppv=ours.ppv,
            sensitivity_day2=ours.sensitivity_day2,
            baseline=Baseline("SpO2 < 90 once", classic),
            ratio=ours.yellow_per_stable_month / classic,
            baselines=baselines,
            detail={
                "red_per_stable_month": ours.red_per_stable_month,
                "alerts": ours.alerts,
                "events": ours.events,
                "patient_months": round(LOANS * LOAN_DAYS / MONTH_DAYS, 1),
            },
        )
    )


if __name__ == "__main__":
    main()
