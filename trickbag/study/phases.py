"""The phases of a study: the first as planned, each later one a pure function of the plan and the runs before it."""

from collections.abc import Sequence
from typing import Any

from trickbag.errors import InputError
from trickbag.records.plan import Arm, Phase, Plan, PlannedRun, Rule
from trickbag.study.choose import Choice, Records, after_look, after_screening, after_tuning
from trickbag.study.design import BASELINE
from trickbag.study.runs import own_seed_runs, shared_seed_runs

ENTER = {"tune": ("arm", "candidate"), "screen": ("arm",), "confirm": ("arm", "duration")}  # roles
_FIRST = {"tune": "every arm at the same points", "screen": "all arms", "confirm": "all arms"}


def first_phases(
    rules: Sequence[Rule], arms: Sequence[Arm], teachers: Sequence[PlannedRun], pairing: str = "seeds"
) -> tuple[tuple[Phase, ...], tuple[Rule, ...]]:
    """The phases whose runs are known at once (the teachers' and the first stage), and the rules of the others."""
    rule = rules[0]
    entering = [arm for arm in arms if arm.role in ENTER[rule.phase]]
    if pairing == "none":
        runs = own_seed_runs(entering, BASELINE, (0, len(rule.seeds)), teachers)
        first, later = Phase(name=rule.phase, runs=tuple(runs)), tuple(rules[1:])
    else:
        first, later = (
            list_phase(rule, 0, Choice(entering, [], {}, _FIRST[rule.phase]), teachers),
            rules_left(rules, 0),
        )
    return (*([Phase(name="teacher", runs=tuple(teachers))] if teachers else []), first), later


def next_phase(plan: Plan, records: Records) -> dict[str, Any] | None:
    """The body of the next entry of the plan's chain: a phase, changed arms, the rules that remain; None at the end.

    A pure function of the plan as it stands and the records of its ended runs (run id -> record; of a record it
    reads `status` and `top1` alone). ValueError: a listed run has not ended, so that nothing may be chosen yet.
    InputError: no run of the last phase finished, so that there is nothing to choose by.
    """
    if not plan.later:
        return None
    _check_ended(plan, records)
    rule, last = plan.later[0], plan.phases[-1].name
    choice = {"tune": after_tuning, "screen": after_screening, "confirm": after_look}[last](
        plan, rule, records
    )
    looked = sum(phase.name == "confirm" for phase in plan.phases)
    teachers = [run for phase in plan.phases if phase.name == "teacher" for run in phase.runs]
    phase = list_phase(rule, looked, choice, teachers)
    later = rules_left(plan.later, looked) if phase.runs else ()
    return {
        "phase": phase.model_dump(mode="json"),
        "arms": [arm.model_dump(mode="json") for arm in choice.changed],
        "later": [rule.model_dump(mode="json") for rule in later],
    }


def list_phase(rule: Rule, looked: int, choice: Choice, teachers: Sequence[PlannedRun]) -> Phase:
    """A phase of these arms; of one with looks, the seeds from the last look to the next."""
    seeds = rule.seeds
    if rule.looks:
        seeds = seeds[rule.looks[looked - 1] if looked else 0 : rule.looks[looked]]
    return Phase(
        name=rule.phase,
        runs=tuple(shared_seed_runs(choice.runs, seeds, teachers)),
        rule=choice.rule,
        look=looked + 1 if rule.looks else None,
        reasons=choice.reasons,
    )


def rules_left(rules: Sequence[Rule], looked: int) -> tuple[Rule, ...]:
    """The rules that remain after the first has listed a phase; looks share one until the last."""
    return tuple(rules if looked + 1 < len(rules[0].looks) else rules[1:])


def _check_ended(plan: Plan, records: Records) -> None:
    """Nothing is chosen before all runs have ended, nor from nothing."""
    if waiting := next((run.id for run in plan.runs if run.id not in records), None):
        raise ValueError(f"run {waiting} has not ended; the next phase is chosen when all listed runs have")
    last = plan.phases[-1]
    if not any(records[run.id].status == "done" for run in last.runs):
        raise InputError(
            f"phase {last.name}: not one of its {len(last.runs)} runs finished, so nothing can be chosen; see the "
            "messages in runs/*/run.json"
        )
