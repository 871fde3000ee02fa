"""From runs to verdicts: a family of confirmed comparisons per workload, screening estimates beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from math import ceil, sqrt
from statistics import fmean

import numpy as np

from trickbag import stats
from trickbag.analyze.extended import extension_level
from trickbag.analyze.family import LEAST_SEEDS, Finding, Sample, judge_family
from trickbag.analyze.gather import ArmRuns, Evidence
from trickbag.analyze.noise import spread
from trickbag.analyze.summary import aliases, summarise
from trickbag.errors import InputError
from trickbag.records.plan import Comparison, Judgement, PhaseName, Plan
from trickbag.records.result import ArmResult, Interval, Price, Summary


@dataclass(frozen=True)
class Match:
    """A comparison and the runs of its two arms, of the last phase that both are in."""

    pair: Comparison
    arm: ArmRuns
    comparison: ArmRuns
    phase: PhaseName | None

    @property
    def sample(self) -> Sample:
        """Its accuracies on the validation images."""
        return Sample(self.pair, self.arm.accuracy, self.comparison.accuracy, self._order())

    def _order(self) -> tuple[int, ...]:
        """The seeds that both arms have run, in the plan's order, up to the first that is still to come."""
        both = [seed for seed in self.arm.planned if seed in self.comparison.planned]
        ended = self.arm.records.keys() & self.comparison.records.keys()
        return tuple(takewhile(ended.__contains__, both))


@dataclass(frozen=True)
class Judged:
    """A workload's comparisons and what was found about them."""

    workload: str
    matches: tuple[Match, ...]
    findings: Mapping[Comparison, Finding]  # of screened arms too, which claim nothing
    test: Mapping[Comparison, Finding]
    test_accuracy: Mapping[str, float]  # run id -> percent


def judge(evidence: Evidence, workload: str, test_accuracy: Mapping[str, float]) -> Judged:
    """Every comparison of a workload; those confirmed are one family, judged as the plan says.

    `test_accuracy`: run id -> percent on the test images, empty while they are sealed. Raises InputError where
    the arms of a paired comparison were planned with no seed in common.
    """
    plan = evidence.plan
    place = next(w for w in plan.workloads if w.name == workload)
    matches = tuple(_match(evidence, pair) for pair in plan.comparisons if pair.workload == workload)
    for match in matches:
        _check_seeds(match, plan.judgement)
    images = len(place.validation_ids)
    confirmed = [match for match in matches if match.phase == "confirm"]
    screened = [match.sample for match in matches if match.phase == "screen"]
    findings = judge_family(plan.judgement, [match.sample for match in confirmed], images)
    findings |= judge_family(plan.judgement, screened, images, interim=False)
    opened = [
        Sample(m.pair, _on_test(m.arm, test_accuracy), _on_test(m.comparison, test_accuracy))
        for m in confirmed
    ]
    test = judge_family(plan.judgement, opened, place.test_images, interim=False) if test_accuracy else {}
    return Judged(workload, matches, findings, test, test_accuracy)


def _match(evidence: Evidence, pair: Comparison) -> Match:
    """A comparison with its runs."""
    phase = evidence.phase_of(pair)
    arm, comparison = (evidence.of(pair.workload, name, phase) for name in (pair.arm, pair.comparison))
    return Match(pair, arm, comparison, phase)


def _check_seeds(match: Match, judgement: Judgement) -> None:
    """Refuse a paired comparison that can never be paired."""
    if judgement.pairing == "none" or not (match.arm.bits and match.comparison.bits):
        return
    if not set(match.arm.planned) & set(match.comparison.planned):
        raise InputError(
            f"{match.pair.arm} and {match.pair.comparison} share no seed in the phase {match.phase}: paired "
            "differences need seeds in common; plan both with the same ones, or with pairing: none"
        )


def _on_test(runs: ArmRuns, accuracy: Mapping[str, float]) -> dict[int, float]:
    """An arm's accuracies on the test images, by seed."""
    return {seed: accuracy[record.id] for seed, record in runs.records.items() if record.id in accuracy}


def arm_results(evidence: Evidence, judged: Judged) -> list[ArmResult]:
    """The comparisons as the results state them, without what was measured in time and without sentences."""
    summary = cache(lambda name, phase: _summary(evidence, judged.workload, name, phase))
    return [
        _result(
            evidence.plan,
            match,
            judged,
            summary(match.pair.arm, match.phase),
            summary(match.pair.comparison, match.phase),
        )
        for match in judged.matches
    ]


def _summary(evidence: Evidence, workload: str, name: str, phase: PhaseName | None) -> Summary:
    """An arm by itself, over the runs of a phase."""
    runs = evidence.of(workload, name, phase)
    return summarise(runs, aliases(evidence.plan, runs.arm))


def _result(plan: Plan, match: Match, judged: Judged, summary: Summary, other: Summary) -> ArmResult:
    """One comparison; `summary` of its arm, `other` of what the arm is compared with."""
    pair, finding = match.pair, judged.findings.get(match.pair)
    confirmed = match.phase == "confirm" and finding is not None
    test, on_test = judged.test.get(pair), _on_test(match.arm, judged.test_accuracy)
    return ArmResult(
        **dict(summary),
        phase=match.phase or match.arm.phase,
        comparison=pair.comparison,
        verdict=finding.verdict if finding and confirmed else "not analysed",
        fragile=finding.fragile if finding and confirmed else False,
        interim=_interim(plan, match, finding),
        accuracy=finding.accuracy if finding else None,
        selected=match.phase == "screen" and bool(match.sample.seeds),
        stopped_at=finding.stopped_at if finding else None,
        relative_error=_relative_error(match, finding) if finding else None,
        new_images=_new_images(match, finding) if finding else None,
        test=test.accuracy if test else None,
        test_mean=fmean(on_test.values()) if on_test else None,
        p_adjusted=finding.p_adjusted if finding and confirmed and not plan.judgement.looks else None,
        paired_seeds=len(finding.paired if finding else match.sample.seeds),
        spread=spread(match.arm, match.comparison, plan.judgement),
        ledger=match.arm.arm.ledger,
        price=_price(finding, plan.judgement, (summary, other)) if finding and confirmed else None,
        indicative_time_ratio=_ratio(summary, other),
    )


def _interim(plan: Plan, match: Match, finding: Finding | None) -> bool:
    """Whether confirming runs of either side, or a look at them, are to come; what a look has settled stays."""
    if match.phase != "confirm" or (finding and finding.stopped_at is not None):
        return False
    waiting = any(set(side.planned) - side.records.keys() for side in (match.arm, match.comparison))
    return waiting or (finding is not None and any(rule.phase == "confirm" for rule in plan.later))


def _new_images(match: Match, finding: Finding) -> Interval | None:
    """The effect on new images like these, at the level that the family's intervals have.

    Never narrower than the interval on these images, which crossed variances with more degrees of freedom than
    seeds can make it: nothing is surer about all images than about those seen.
    """
    arm, comparison, seeds = match.arm.bits, match.comparison.bits, finding.paired
    if len(seeds) < LEAST_SEEDS or arm[seeds[0]].size < 2:
        return None
    ours, theirs = (np.stack([bits[seed] for seed in seeds]) for bits in (arm, comparison))
    found = stats.crossed_interval(ours, theirs, finding.alpha)
    seen = finding.accuracy
    return Interval(effect=found.effect, low=min(found.low, seen.low), high=max(found.high, seen.high))


def _relative_error(match: Match, finding: Finding) -> Interval | None:
    """The change of the error rate in percent of the comparison's, at the level of the family's intervals."""
    ours, theirs = ([runs.accuracy[s] for s in finding.paired] for runs in (match.arm, match.comparison))
    found = stats.relative_error(ours, theirs, finding.alpha) if finding.paired else None
    return Interval(effect=found[0], low=found[1], high=found[2]) if found else None


def _price(finding: Finding, judgement: Judgement, arms: tuple[Summary, Summary]) -> Price | None:
    """What settling an undecided comparison would take; `arms`: the arm and its comparison, which runs as well.

    Seeds added now must show it at the stricter level of an extension. With interim looks seeds cannot be added, so
    the price is that of a new study; what a look gave up has none.
    """
    if finding.verdict != "undecided" or finding.stopped_at is not None:
        return None
    effect, margin, level = finding.accuracy.effect, judgement.margin, judgement.level
    stricter = (1 - extension_level(judgement.extensions + 1)) / (1 - level)
    alpha = None if judgement.looks else finding.alpha * stricter  # a look's own level is not that of the end
    n, k = finding.seeds, finding.family
    cost = stats.price(effect, finding.se, n, k, margin, finding.df, level=level, alpha=alpha)
    if cost.seeds is None or cost.more is None:
        return Price(seeds=None, more_runs=None, text="no sensible number of seeds would settle it")
    each = cost.seeds if judgement.looks else cost.more
    runs = (each, each)
    if judgement.pairing == "none":
        runs = (each, ceil(cost.seeds * sqrt(k)) - ceil(n * sqrt(k)))  # as `study` plans them (Dunnett 1955)
    shown = (
        "a difference" if cost.by == "difference" else f"that it makes no practical difference (±{margin:g})"
    )
    seeds = (
        f"a new study with about {cost.seeds} seeds" if judgement.looks else f"about {cost.more} more seeds"
    )
    text = f"{seeds} ({sum(runs)} runs{_hours(runs, arms)}) would show {shown}, if the estimate is right"
    return Price(seeds=cost.seeds, more_runs=None if judgement.looks else sum(runs), text=text)


def _hours(runs: Sequence[int], arms: Sequence[Summary]) -> str:
    """The training time of so many more runs of each of these arms, in words, where it is known."""
    hours = 0.0
    for count, arm in zip(runs, arms, strict=True):
        if arm.train_seconds is None:
            return ""
        hours += count * arm.train_seconds / 3600
    return f", {hours:.1f} hours of training" if hours >= 0.1 else ""


def _ratio(arm: Summary, comparison: Summary) -> float | None:
    """Training time of an arm over its comparison's, from runs side by side: no claim."""
    if arm.train_seconds is None or not comparison.train_seconds:
        return None
    return arm.train_seconds / comparison.train_seconds
