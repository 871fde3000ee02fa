"""Who goes on after a phase: the best tuning point of every arm, the best arms of a screening, the open looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from trickbag import stats
from trickbag.recipe import Recipe, diff, leaves, validate
from trickbag.recipe.schema import recipe_fingerprint
from trickbag.records.plan import Arm, Comparison, Phase, Plan, Rule
from trickbag.records.run import RunRecord
from trickbag.study.design import BASELINE

Records = Mapping[str, RunRecord]
Accuracies = Mapping[
    tuple[str, str], Mapping[int, float]
]  # (workload, fingerprint) -> seed -> percent, or NaN


@dataclass(frozen=True)
class Choice:
    """The arms that run in the next phase, which of the plan's arms changed, and why."""

    runs: list[Arm]
    changed: list[Arm]
    reasons: dict[str, str]
    rule: str


def accuracies(phases: Sequence[Phase], records: Records) -> Accuracies:
    """Validation accuracy of every run of these phases; NaN where it did not finish."""
    found = dict[tuple[str, str], dict[int, float]]()
    for phase in phases:
        for run in phase.runs:
            top1 = records[run.id].top1 if records[run.id].status == "done" else None
            found.setdefault((run.workload, run.fingerprint), {})[run.seed] = nan if top1 is None else top1
    return found


def after_tuning(plan: Plan, rule: Rule, records: Records) -> Choice:
    """Every arm takes the recipe of its best point: the highest mean accuracy over the tuning seeds.

    A point with a run that did not finish is worse than any without; of equal ones the first stays. Arms of one
    fingerprint stay one, and the baseline at other durations takes the baseline's point.
    """
    scores = accuracies(plan.phases[-1:], records)
    best, reasons = dict[tuple[str, str], Arm](), dict[str, str]()
    for arm in [arm for arm in plan.arms if arm.role == "arm"]:
        key = (arm.workload, arm.fingerprint)
        if key not in best:
            points = [arm] + [
                c for c in plan.arms if (c.workload, c.candidate_of) == (arm.workload, arm.name)
            ]
            won = min(points, key=lambda point: _cost(scores[point.workload, point.fingerprint]))
            best[key] = _with_ledger(won, points)
            reasons[_label(plan, arm.workload, arm.name)] = _tuned(arm, best[key], scores)
    changed = [_tuned_arm(plan, arm, best) for arm in plan.arms if arm.role in ("arm", "duration")]
    going = [arm for arm in changed if arm.role == "arm" or rule.phase == "confirm"]
    return Choice(going, changed, reasons, "every arm at its best tuning point, on fresh seeds")


def _cost(by_seed: Mapping[int, float]) -> tuple[int, float]:
    """What is least for the best: runs that did not finish, then minus the mean accuracy of the others."""
    done = [value for value in by_seed.values() if value == value]
    return len(by_seed) - len(done), -fmean(done) if done else inf


def _with_ledger(won: Arm, points: Sequence[Arm]) -> Arm:
    """The winning point; the arm's own values, too, are a point that was tried."""
    if won.role == "candidate":
        return won
    ledger, own = points[1].ledger, dict(leaves(won.recipe))
    return won.model_copy(
        update={"ledger": ledger.model_copy(update={"chosen": {p: own[p] for p in ledger.space}})}
    )


def _tuned(arm: Arm, won: Arm, scores: Accuracies) -> str:
    """Which point won, in words."""
    values = ", ".join(f"{path} {value:g}" for path, value in won.ledger.chosen.items())
    accuracy, own = (-_cost(scores[a.workload, a.fingerprint])[1] for a in (won, arm))
    words = f"{values}: best of {won.ledger.points} points, {accuracy:.2f} %"
    if won.name == arm.name:
        return f"{words}; its own values"
    return (
        f"{words} (own values {own:.2f} %)"
        if own > -inf
        else f"{words} (no run with its own values finished)"
    )


def _tuned_arm(plan: Plan, arm: Arm, best: Mapping[tuple[str, str], Arm]) -> Arm:
    """An arm of the plan with the recipe of its best point."""
    baseline = best[arm.workload, plan.arm(arm.workload, BASELINE).fingerprint]
    if arm.role == "duration":
        budget = {**baseline.recipe["budget"], "epochs": arm.recipe["budget"]["epochs"]}
        recipe, ledger = {**baseline.recipe, "budget": budget}, baseline.ledger
    else:
        won = best[arm.workload, arm.fingerprint]
        recipe, ledger = won.recipe, won.ledger
    changes = diff(validate(Recipe, baseline.recipe), validate(Recipe, recipe))
    identity = recipe_fingerprint(recipe)
    return arm.model_copy(
        update={"recipe": recipe, "fingerprint": identity, "diff": changes, "ledger": ledger}
    )


@dataclass(frozen=True)
class _Screened:
    """An arm after screening: its mean paired difference in points, and how many of its runs finished."""

    name: str
    effect: float  # -inf without any pair of finished runs
    finished: int
    runs: int
    seeds: int

    @property
    def worth(self) -> tuple[bool, float]:
        """What is largest for the best: all runs finished, then the effect."""
        return self.finished == self.runs, self.effect


def after_screening(plan: Plan, rule: Rule, records: Records) -> Choice:
    """The `keep` arms with the largest mean paired difference to their comparison, over workloads and seeds.

    An arm with a run that did not finish ranks behind all others, and of equal ones the first goes on. What the
    arms that go on are compared with goes along, the baseline and its other durations always.
    """
    screened = _screened(plan, accuracies(plan.phases[-1:], records))
    ranked = sorted(screened, key=lambda arm: arm.worth, reverse=True)  # stable: equal ones keep their order
    kept = [arm.name for arm in ranked[: rule.keep]]
    needed = {BASELINE} | {pair.comparison for pair in plan.comparisons if pair.arm in kept}
    along = [name for name in dict.fromkeys(arm.name for arm in plan.arms) if name in needed]  # plan's order
    reasons = {
        arm.name: _reason(arm, place, arm.name in kept, len(ranked)) for place, arm in enumerate(ranked, 1)
    }
    reasons |= {name: "went along: others are compared with it" for name in along if name not in kept}
    going = [a for a in plan.arms if a.role == "duration" or (a.role == "arm" and a.name in {*kept, *along})]
    seeds = sorted({run.seed for run in plan.phases[-1].runs})
    words = f"the {len(kept)} of {len(ranked)} arms with the largest mean difference to their comparison"
    return Choice(
        going, [], reasons, f"{words} in screening (seeds {seeds[0]} to {seeds[-1]}), on fresh seeds"
    )


def _screened(plan: Plan, scores: Accuracies) -> list[_Screened]:
    """Every compared arm once, by name, in the order of the comparisons."""
    prints = {(arm.workload, arm.name): arm.fingerprint for arm in plan.arms}
    effects, runs = dict[str, list[float]](), dict[str, dict[tuple[str, int], float]]()
    for pair in plan.comparisons:
        own, other = (
            scores[pair.workload, prints[pair.workload, name]] for name in (pair.arm, pair.comparison)
        )
        paired = [d for seed in own if (d := own[seed] - other.get(seed, nan)) == d]
        effects.setdefault(pair.arm, []).append(fmean(paired) if paired else -inf)
        runs.setdefault(pair.arm, {}).update({(pair.workload, seed): value for seed, value in own.items()})
    return [
        _Screened(
            name,
            fmean(effects[name]),
            finished=sum(value == value for value in runs[name].values()),
            runs=len(runs[name]),
            seeds=len({seed for _, seed in runs[name]}),
        )
        for name in effects
    ]


def _reason(arm: _Screened, place: int, kept: bool, of: int) -> str:
    """Why an arm goes on or not."""
    went, rank = "went on" if kept else "dropped", f"{_ordinal(place)} of {of}"
    if arm.finished < arm.runs:
        return f"{went}: {arm.runs - arm.finished} of {arm.runs} runs did not finish, {rank}"
    if arm.effect == -inf:
        return f"{went}: its comparison did not finish, {rank}"
    return f"{went}: {_points(arm.effect)} over {arm.seeds} seeds, {rank}"


def after_look(plan: Plan, rule: Rule, records: Records) -> Choice:
    """The comparisons that the looks so far have left open, with their arms."""
    confirm = [phase for phase in plan.phases if phase.name == "confirm"]
    scores = accuracies(confirm, records)
    going, reasons = set[tuple[str, str]](), dict[str, str]()
    for workload in plan.workloads:
        pairs, rows = _rows(plan, workload.name, rule.seeds, scores)
        for pair in plan.confirmed(workload.name):
            reasons[_pair_label(plan, pair)] = (
                "stopped: fewer than two seeds of the first look that both arms finished"
            )
        if not pairs:
            continue
        judged = stats.judge_looks(
            rows,
            plan.judgement.looks,
            plan.judgement.look_levels,
            plan.judgement.margin,
            stats.design_correlation([(pair.arm, pair.comparison) for pair in pairs]),
            100 / len(workload.validation_ids),
        )
        for i, pair in enumerate(pairs):
            reasons[_pair_label(plan, pair)] = _look_reason(judged, i)
            if not judged.settled[i]:
                going |= {(workload.name, pair.arm), (workload.name, pair.comparison)}
    stay = {
        (a.workload, a.fingerprint) for a in plan.arms if (a.workload, a.name) in going and a.role == "arm"
    }
    runs = [a for a in plan.arms if (a.workload, a.fingerprint) in stay and a.role == "arm"]
    runs += [a for a in plan.arms if a.role == "duration" and (a.workload, BASELINE) in going]
    words = "the comparisons that the looks so far left open" if runs else "no comparison was left open"
    return Choice(runs, [], reasons, words)


def _rows(
    plan: Plan, workload: str, seeds: Sequence[int], scores: Accuracies
) -> tuple[list[Comparison], list[NDArray[np.float64]]]:
    """The comparisons that can be judged, and their differences in the order of the seeds, NaN where unfinished."""
    prints = {arm.name: arm.fingerprint for arm in plan.arms if arm.workload == workload}
    pairs, rows = [], []
    for pair in plan.confirmed(workload):
        own, other = scores[workload, prints[pair.arm]], scores[workload, prints[pair.comparison]]
        row = np.array([own[seed] - other[seed] for seed in seeds if seed in own and seed in other])
        if np.isfinite(row[: plan.judgement.looks[0]]).sum() >= 2:  # as the analysis and `judge_looks` ask
            pairs.append(pair)
            rows.append(row)
    return pairs, rows


def _look_reason(judged: stats.Looks, i: int) -> str:
    """What a look made of a comparison."""
    effect, seeds = _points(float(judged.effects.effect[i])), f"{judged.seeds[i]} seeds"
    if not judged.settled[i]:
        return f"went on: {effect} after {seeds}, not settled"
    futile = judged.verdicts[i] == "undecided"
    return f"stopped after {seeds}: {effect}, {'no gain to be expected' if futile else judged.verdicts[i]}"


def _pair_label(plan: Plan, pair: Comparison) -> str:
    """A comparison by its arm, and by what it is compared with where that could be several."""
    several = sum((c.workload, c.arm) == (pair.workload, pair.arm) for c in plan.comparisons) > 1
    name = f"{pair.arm} against {pair.comparison}" if several else pair.arm
    return _label(plan, pair.workload, name)


def _label(plan: Plan, workload: str, name: str) -> str:
    """A name, after its workload where there are several."""
    return f"{workload}: {name}" if len(plan.workloads) > 1 else name


def _points(value: float) -> str:
    """Percentage points with their sign."""
    return f"{value:+.2f} points".replace("-", "−")


def _ordinal(n: int) -> str:
    """1st, 2nd, 3rd, 4th …"""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
