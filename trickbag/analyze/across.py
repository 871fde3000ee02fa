"""The same comparison on several workloads: a random-effects summary, and whether the effects differ."""

from collections.abc import Sequence
from math import isfinite

from trickbag import stats
from trickbag.analyze.family import Finding
from trickbag.analyze.judge import Judged
from trickbag.analyze.words import across_sentence
from trickbag.records.result import Across, Interval
from trickbag.stats.family import critical_t


def across(judged: Sequence[Judged], level: float) -> tuple[Across, ...]:
    """Every comparison that was confirmed on at least two workloads, in the order of the first."""
    found = dict[tuple[str, str], dict[str, Finding]]()
    for workload in judged:
        for match in workload.matches:
            finding = workload.findings.get(match.pair)
            if finding is not None and match.phase == "confirm":
                key = (match.pair.arm, match.pair.comparison)
                found.setdefault(key, {})[match.pair.workload] = finding
    several = {pair: findings for pair, findings in found.items() if len(findings) > 1}
    results = [_across(*pair, findings, level) for pair, findings in several.items()]
    adjusted = stats.holm([result.heterogeneity_p for result in results])
    return tuple(
        _told(result.model_copy(update={"heterogeneity_p_adjusted": float(p)}), findings)
        for result, p, findings in zip(results, adjusted, several.values(), strict=True)
    )


def _told(result: Across, findings: dict[str, Finding]) -> Across:
    """The result with its sentence; that an arm helps or hurts somewhere is a claim of that workload's family."""
    claims = {workload: finding.verdict for workload, finding in findings.items() if not finding.fragile}
    helping = [workload for workload, verdict in claims.items() if verdict in ("better", "better but small")]
    hurting = [workload for workload, verdict in claims.items() if verdict == "worse"]
    return result.model_copy(update={"sentence": across_sentence(result, helping, hurting)})


def _across(name: str, comparison: str, findings: dict[str, Finding], level: float) -> Across:
    """One comparison over its workloads."""
    effects = [finding.accuracy.effect for finding in findings.values()]
    se, df = [f.se for f in findings.values()], [f.df for f in findings.values()]
    pooled = stats.random_effects(effects, se, df, level)
    return Across(
        name=name,
        comparison=comparison,
        workloads=tuple(findings),
        effects=tuple(_own(finding, level) for finding in findings.values()),
        mean=Interval(effect=pooled.mean, low=pooled.low, high=pooled.high),
        prediction=Interval(effect=pooled.mean, low=pooled.prediction_low, high=pooled.prediction_high)
        if isfinite(pooled.prediction_low)
        else None,
        tau=pooled.tau,
        i_squared=pooled.i_squared,
        heterogeneity_p=pooled.q_p,
    )


def _own(finding: Finding, level: float) -> Interval:
    """A workload's effect with an interval of its own."""
    effect, half = finding.accuracy.effect, float(critical_t(1 - level, finding.df)) * finding.se
    return Interval(effect=effect, low=effect - half, high=effect + half)
