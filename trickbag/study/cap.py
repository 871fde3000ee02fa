"""The most that a study may cost in runs, held against the worst that its later phases may choose."""

from collections.abc import Mapping
from types import MappingProxyType

from trickbag.errors import InputError
from trickbag.records.plan import Arm, Plan, Rule
from trickbag.study.design import BASELINE
from trickbag.study.runs import distinct

Seconds = Mapping[tuple[str, str], float]
NONE: Seconds = MappingProxyType({})


def worst_case(plan: Plan, seconds: Seconds = NONE) -> tuple[int, float]:
    """Runs listed so far and the most that the phases to come can list, and how long all of them take.

    `seconds`: (workload, arm) -> seconds of one run; where a phase chooses arms, the dearest are assumed.
    """
    runs, total = len(plan.runs), sum(seconds.get((run.workload, run.arm), 0.0) for run in plan.runs)
    for rule in plan.later:
        arms, seeds = most_arms(plan, rule, seconds), len(_seeds_to_come(plan, rule))
        runs += len(arms) * seeds
        total += seeds * sum(seconds.get((arm.workload, arm.name), 0.0) for arm in arms)
    return runs, total


def check_cap(plan: Plan) -> None:
    """InputError where the worst case is above `cap.runs`, with the number of seeds that would fit."""
    limit = (plan.study.get("cap") or {}).get("runs")
    worst, _ = worst_case(plan)
    if limit is None or worst <= limit:
        return
    planned = [run for phase in plan.phases if phase.name == "confirm" for run in phase.runs]
    judging = len(planned) + sum(
        len(most_arms(plan, rule)) * len(_seeds_to_come(plan, rule))
        for rule in plan.later
        if rule.phase == "confirm"
    )
    seeds = plan.study["seeds"] if isinstance(plan.study["seeds"], int) else len(plan.study["seeds"])
    fit = int((limit - (worst - judging)) * seeds / judging)
    what = (
        f"{fit} seeds would fit" if fit >= 2 else "no number of seeds would fit; take fewer arms, or raise it"
    )
    raise InputError(f"cap.runs: the study may take {worst} runs, {worst - limit} more than {limit}; {what}")


def most_arms(plan: Plan, rule: Rule, seconds: Seconds = NONE) -> list[Arm]:
    """The most arms that a phase can have, the dearest where it chooses, over all workloads."""
    arms = distinct(arm for arm in plan.arms if arm.role == "arm")
    extra = [arm for arm in plan.arms if arm.role == "duration"] if rule.phase == "confirm" else []
    if rule.keep is None:
        return [*arms, *extra]
    fixed = {(c.workload, c.comparison) for c in plan.comparisons} | {
        (w.name, BASELINE) for w in plan.workloads
    }
    chosen = [arm for arm in arms if (arm.workload, arm.name) in fixed]
    for workload in plan.workloads:
        free = [a for a in arms if a.workload == workload.name and (a.workload, a.name) not in fixed]
        free.sort(key=lambda arm: -seconds.get((arm.workload, arm.name), 0.0))
        chosen += free[: rule.keep]
    return [*chosen, *extra]


def _seeds_to_come(plan: Plan, rule: Rule) -> tuple[int, ...]:
    """The seeds of a rule that no listed phase has."""
    listed = {run.seed for phase in plan.phases if phase.name == rule.phase for run in phase.runs}
    return tuple(seed for seed in rule.seeds if seed not in listed)
