"""The most that a study may cost in runs, held against the worst that its later phases may choose."""

from trickbag.errors import InputError
from trickbag.records.plan import Plan, Rule
from trickbag.study.design import BASELINE
from trickbag.study.runs import distinct


def worst_case(plan: Plan) -> int:
    """Runs listed so far, and the most that the phases to come can list."""
    return len(plan.runs) + sum(
        _most_arms(plan, rule) * len(_seeds_to_come(plan, rule)) for rule in plan.later
    )


def check_cap(plan: Plan) -> None:
    """InputError where the worst case is above `cap.runs`, with the number of seeds that would fit."""
    limit = (plan.study.get("cap") or {}).get("runs")
    worst = worst_case(plan)
    if limit is None or worst <= limit:
        return
    planned = [run for phase in plan.phases if phase.name == "confirm" for run in phase.runs]
    judging = len(planned) + sum(
        _most_arms(plan, rule) * len(_seeds_to_come(plan, rule))
        for rule in plan.later
        if rule.phase == "confirm"
    )
    seeds = plan.study["seeds"] if isinstance(plan.study["seeds"], int) else len(plan.study["seeds"])
    fit = int((limit - (worst - judging)) * seeds / judging)
    what = (
        f"{fit} seeds would fit" if fit >= 2 else "no number of seeds would fit; take fewer arms, or raise it"
    )
    raise InputError(f"cap.runs: the study may take {worst} runs, {worst - limit} more than {limit}; {what}")


def _most_arms(plan: Plan, rule: Rule) -> int:
    """The most arms that a phase can have, over all workloads."""
    arms = distinct(arm for arm in plan.arms if arm.role == "arm")
    extra = len([arm for arm in plan.arms if arm.role == "duration"]) if rule.phase == "confirm" else 0
    if rule.keep is None:
        return len(arms) + extra
    fixed = {(c.workload, c.comparison) for c in plan.comparisons} | {
        (w.name, BASELINE) for w in plan.workloads
    }
    free = [arm for arm in arms if (arm.workload, arm.name) not in fixed]
    per_workload = [sum(arm.workload == workload.name for arm in free) for workload in plan.workloads]
    return len(arms) - len(free) + sum(min(rule.keep, count) for count in per_workload) + extra


def _seeds_to_come(plan: Plan, rule: Rule) -> tuple[int, ...]:
    """The seeds of a rule that no listed phase has."""
    listed = {run.seed for phase in plan.phases if phase.name == rule.phase for run in phase.runs}
    return tuple(seed for seed in rule.seeds if seed not in listed)
