"""From tables to verdicts: one family of comparisons per workload."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from trickbag import stats
from trickbag.analyze.gather import ArmRuns, aliases, summarise
from trickbag.analyze.words import sentence
from trickbag.records.plan import Comparison, Plan
from trickbag.records.result import Accuracy, ArmResult, Price, Summary, Verdict

LEAST_SEEDS = 2
Runs = Mapping[tuple[str, str], ArmRuns]


@dataclass(frozen=True)
class Contrast:
    """A comparison and its paired differences (percentage points), one per seed that both arms finished."""

    pair: Comparison
    differences: NDArray[np.float64]


@dataclass(frozen=True)
class Finding:
    """What the statistics say about a contrast."""

    accuracy: Accuracy
    p_adjusted: float
    verdict: Verdict
    fragile: bool
    price: Price | None


def judge(plan: Plan, runs: Runs, workload: str) -> list[ArmResult]:
    """Every comparison of a workload, judged together as the plan says."""
    contrasts = [_contrast(pair, runs) for pair in plan.comparisons if pair.workload == workload]
    judged = [contrast for contrast in contrasts if len(contrast.differences) >= LEAST_SEEDS]
    images = next(len(w.validation_ids) for w in plan.workloads if w.name == workload)
    findings = (
        dict(zip([c.pair for c in judged], _findings(plan, judged, images), strict=True)) if judged else {}
    )
    return [_result(plan, runs, contrast, findings.get(contrast.pair)) for contrast in contrasts]


def _contrast(pair: Comparison, runs: Runs) -> Contrast:
    """The paired differences of a comparison."""
    arm, comparison = (runs[pair.workload, name].accuracy for name in (pair.arm, pair.comparison))
    seeds = sorted(arm.keys() & comparison.keys())
    return Contrast(pair, np.array([arm[seed] - comparison[seed] for seed in seeds]))


def _findings(plan: Plan, contrasts: Sequence[Contrast], images: int) -> list[Finding | None]:
    """The verdicts of a family; None where a contrast cannot be judged (ties and nothing to borrow from)."""
    rows = [contrast.differences for contrast in contrasts]
    margin, level = plan.judgement.margin, plan.judgement.level
    correlation = stats.design_correlation([(c.pair.arm, c.pair.comparison) for c in contrasts])
    found = stats.effects(rows, level, correlation, resolution=100 / images)
    verdicts = stats.verdicts(found, margin)
    fragile = stats.fragile(rows, verdicts, margin, level, correlation, resolution=100 / images)
    findings: list[Finding | None] = []
    for i, verdict in enumerate(verdicts):
        if not isfinite(found.se[i]):
            findings.append(None)
            continue
        accuracy = Accuracy(
            effect=found.effect[i],
            low=found.low[i],
            high=found.high[i],
            low_90=found.low_90[i],
            high_90=found.high_90[i],
        )
        price = _price(found, i, margin) if verdict == "undecided" else None
        findings.append(Finding(accuracy, float(found.p_adjusted[i]), verdict, bool(fragile[i]), price))
    return findings


def _price(found: stats.Effects, i: int, margin: float) -> Price:
    """What settling contrast `i` would take, its comparison re-run as well."""
    n = int(found.seeds[i])
    cost = stats.price(found.effect[i], found.se[i], n, len(found.effect), margin, df=found.df[i])
    if cost.seeds is None or cost.more is None:
        return Price(seeds=None, more_runs=None, text="no sensible number of seeds would settle it")
    shown = (
        "a difference" if cost.by == "difference" else f"that it makes no practical difference (±{margin:g})"
    )
    text = f"about {cost.more} more seeds ({2 * cost.more} runs) would show {shown}, if the estimate is right"
    return Price(seeds=cost.seeds, more_runs=2 * cost.more, text=text)


def _result(plan: Plan, runs: Runs, contrast: Contrast, finding: Finding | None) -> ArmResult:
    """A comparison as the results state it."""
    pair = contrast.pair
    arm, comparison = runs[pair.workload, pair.arm], runs[pair.workload, pair.comparison]
    summary, other = (summarise(r, aliases(plan, r.arm)) for r in (arm, comparison))
    verdict: Verdict = finding.verdict if finding else "not analysed"
    accuracy, price = (finding.accuracy, finding.price) if finding else (None, None)
    seeds, margin = len(contrast.differences), plan.judgement.margin
    return ArmResult(
        **dict(summary),
        phase=next(p.name for p in plan.phases if any(r.fingerprint == arm.arm.fingerprint for r in p.runs)),
        comparison=pair.comparison,
        verdict=verdict,
        fragile=finding.fragile if finding else False,
        accuracy=accuracy,
        p_adjusted=finding.p_adjusted if finding else None,
        paired_seeds=seeds,
        price=price,
        indicative_time_ratio=_ratio(summary, other),
        sentence=sentence(pair.arm, pair.comparison, verdict, accuracy, margin, seeds),
    )


def _ratio(arm: Summary, comparison: Summary) -> float | None:
    """Training time of an arm over its comparison's, from runs side by side: no claim."""
    if arm.train_seconds is None or not comparison.train_seconds:
        return None
    return arm.train_seconds / comparison.train_seconds
