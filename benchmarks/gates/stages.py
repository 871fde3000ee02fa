"""Two stages end to end: the real plan and rules between phases, the real judgement of what they confirm."""

from collections.abc import Mapping
from functools import partial
from statistics import fmean

import numpy as np

from benchmarks.gates.batch import decide
from benchmarks.gates.gate import Counts
from benchmarks.gates.noise import BASE, Cell
from trickbag.analyze.family import Finding, Sample, judge_family
from trickbag.records.plan import Comparison, Plan, PlannedRun
from trickbag.records.run import RunRecord
from trickbag.study.design import BASELINE
from trickbag.study.schema import Screen, Study
from trickbag.study.simulate import conduct_made_up, made_up_plan

ARMS, REAL, EFFECT, MARGIN = 20, 3, 2.0, 0.25  # STATISTICS: 3 real effects of 2 SDs among 20 arms
IMAGES = 10_000
NAMES = [f"arm_{i:02d}" for i in range(ARMS)]
CLAIMS = ("better", "better but small", "worse")


def two_stage(
    screen: int, keep: int, confirm: int, effect: float, rng: np.random.Generator, studies: int
) -> Counts:
    """Screening, short-list, confirmation on fresh seeds: claims, power, the headline estimate's bias, runs."""
    study = Study(
        name="two stages",
        baseline="made_up",
        factors=tuple(NAMES),
        seeds=confirm,
        screen=Screen(seeds=screen, keep=keep),
        margin=MARGIN,
    )
    first = made_up_plan(study, NAMES, IMAGES)
    counts: Counts = {}
    for _ in range(studies):
        truth = np.where(rng.permutation(ARMS) < REAL, effect, 0.0)  # other arms are real in every study
        effects = {BASELINE: 0.0, **dict(zip(NAMES, truth.tolist(), strict=True))}
        plan, records = conduct_made_up(first, partial(_accuracy, effects, rng))
        new = _outcome(_judged(plan, records), effects) | _first_choice(plan, records, effects)
        new["runs"] = float(len(plan.runs))
        counts = {key: counts.get(key, 0.0) + value for key, value in new.items()}
    return counts


def one_stage(n: int, rng: np.random.Generator, studies: int) -> Counts:
    """All arms at n seeds, judged together: the same three real effects, and how many are found."""
    cell = Cell(k=ARMS, n=n)
    effects = np.zeros((studies, cell.arms))
    effects[:, 1 : 1 + REAL] = EFFECT
    found = decide(cell.rows(effects, rng), cell.truth(effects), MARGIN, cell.correlation)
    lasting = found.claims & ~found.fragile
    return {
        "found": float(found.claims[:, :REAL].mean(-1).sum()),
        "found lasting": float(lasting[:, :REAL].mean(-1).sum()),
        "false": float(found.claims[:, REAL:].any(-1).sum()),
        "runs": float(studies * cell.arms * n),
    }


def _accuracy(effects: Mapping[str, float], rng: np.random.Generator, run: PlannedRun) -> float:
    """The accuracy of a run, percent."""
    return BASE + effects[run.arm] + float(rng.standard_normal())


def _scores(plan: Plan, records: Mapping[str, RunRecord], phase: int) -> dict[str, dict[int, float]]:
    """Accuracies of a phase's runs, by arm and seed."""
    scores = dict[str, dict[int, float]]()
    for run in plan.phases[phase].runs:
        scores.setdefault(run.arm, {})[run.seed] = records[run.id].top1 or 0.0
    return scores


def _judged(plan: Plan, records: Mapping[str, RunRecord]) -> dict[Comparison, Finding]:
    """The findings about what was confirmed, as `analyze` makes them."""
    scores = _scores(plan, records, -1)
    pairs = [pair for pair in plan.comparisons if pair.arm in scores]
    samples = [Sample(pair, scores[pair.arm], scores[pair.comparison]) for pair in pairs]
    return judge_family(plan.judgement, samples, IMAGES)


def _outcome(found: Mapping[Comparison, Finding], effects: Mapping[str, float]) -> Counts:
    """A study's claims about arms that do nothing, and the share of real effects that were found."""
    claims = {pair.arm: f for pair, f in found.items() if f.verdict in CLAIMS}
    real = sum(effect != 0 for effect in effects.values())
    right = [f for arm, f in claims.items() if effects[arm] > 0 and f.verdict != "worse"]
    wrong = [f for arm, f in claims.items() if effects[arm] == 0 or f.verdict == "worse"]
    return {
        "found": len(right) / max(real, 1),
        "found lasting": sum(not f.fragile for f in right) / max(real, 1),
        "false": float(bool(wrong)),
        "false lasting": float(any(not f.fragile for f in wrong)),
    }


def _first_choice(plan: Plan, records: Mapping[str, RunRecord], effects: Mapping[str, float]) -> Counts:
    """How far the arm that screening liked best is from its true effect, in screening and when confirmed."""
    errors = []
    best = ""
    for phase in (0, -1):
        scores = _scores(plan, records, phase)
        gains = {arm: fmean(row[s] - scores[BASELINE][s] for s in row) for arm, row in scores.items()}
        best = best or max(NAMES, key=gains.__getitem__)
        errors.append(gains[best] - effects[best])
    return {"screening error": errors[0], "error": errors[1], "squared error": errors[1] ** 2}
