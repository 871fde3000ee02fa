"""What a plan costs and what it will be able to see, told before anything runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from trickbag import stats
from trickbag.errors import InputError
from trickbag.records.plan import Plan

LARGE = 10  # margins: an effect so large is the most that a study is planned for
FEWEST_SEEDS = 3  # a claim from two seeds is always fragile
MOST_SEEDS = 300  # beyond which nobody goes


@dataclass(frozen=True)
class SeedSd:
    """The SD between seeds of one arm that a price is based on, in points."""

    value: float
    source: str  # where it comes from, in words
    known: bool  # measured or declared; otherwise assumed
    correlation: float = 0.0  # of two arms with the same seed


NOTHING: Mapping[str, SeedSd] = MappingProxyType({})


@dataclass(frozen=True)
class Outlook:
    """What the confirming phase of a workload can see of one family of claims."""

    workload: str
    family: str  # comparisons, main_effect, interaction, shapley
    claims: int
    seeds: int
    sd: SeedSd
    detectable: float  # smallest effect shown with probability .8, points
    sight: stats.Sight | None  # of comparisons: what equivalence costs


def expected_sd(plan: Plan, workload: str, measured: Mapping[str, SeedSd]) -> SeedSd:
    """The seed SD of a workload: measured before, declared in the study, or the luck of its images alone."""
    declared = plan.study.get("seed_sd")
    if workload in measured:
        return measured[workload]
    if declared is not None:
        return SeedSd(float(declared), "declared in the study", True)
    images = next(len(w.validation_ids) for w in plan.workloads if w.name == workload)
    value = stats.luck_of_evaluation(images)
    words = f"assumed: the luck of {images:,} evaluation images at 10 % error; short training adds to it"
    return SeedSd(value, words, False)


def outlooks(plan: Plan, measured: Mapping[str, SeedSd] = NOTHING, seeds: int | None = None) -> list[Outlook]:
    """What the plan can see, for every workload and family of claims; `seeds` instead of the planned number."""
    n = seeds or seeds_per_arm(plan)
    return [
        outlook
        for workload in plan.workloads
        for outlook in _outlooks(plan, workload.name, expected_sd(plan, workload.name, measured), n)
    ]


def _outlooks(plan: Plan, workload: str, sd: SeedSd, n: int) -> list[Outlook]:
    """The families of one workload."""
    claims, judge = _claims(plan, workload), plan.judgement
    level = judge.look_levels[-1] if judge.look_levels else judge.level
    own = [contrast for contrast in plan.contrasts if contrast.workload == workload]
    cells = len({name for contrast in own for name in contrast.weights})
    found = []
    if claims:
        df = stats.unpaired_df if judge.pairing == "none" else None
        shared = _shared_noise(plan, sd, claims)
        seen = stats.sight(n, sd.value, claims, judge.margin, shared, level=level, df=df)
        found.append(Outlook(workload, "comparison", claims, n, sd, seen.detectable, seen))
    for kind in dict.fromkeys(contrast.kind for contrast in own):
        rows = [list(contrast.weights.values()) for contrast in own if contrast.kind == kind]
        widest = max(
            stats.contrast_detectable(w, n, sd.value, len(rows), cells, sd.correlation, level=level)
            for w in rows
        )
        found.append(Outlook(workload, kind, len(rows), n, sd, widest, None))
    return found


def seeds_per_arm(plan: Plan) -> int:
    """How many seeds will judge an arm: at the last look, of the rule that will choose, or as listed."""
    if plan.judgement.looks:
        return plan.judgement.looks[-1]
    if coming := [rule for rule in plan.later if rule.phase == "confirm"]:
        return len(coming[0].seeds)
    names = {pair.arm for pair in plan.comparisons}
    confirm = [run for phase in plan.phases if phase.name == "confirm" for run in phase.runs]
    counts = Counter((run.workload, run.arm) for run in confirm if run.arm in names)
    return min(counts.values(), default=0)


def _shared_noise(plan: Plan, sd: SeedSd, claims: int) -> float:
    """The correlation that makes 2 (1 - correlation) sd² the variance of a difference of one arm's seed.

    Where seeds are not shared the baseline has √k times as many, so its part of the variance is 1 / √k.
    """
    return sd.correlation if plan.judgement.pairing == "seeds" else (1 - claims**-0.5) / 2


def check_outlook(plan: Plan, found: Sequence[Outlook]) -> None:
    """Refuse a plan that can show nothing; InputError says how many seeds would.

    Nothing: every claim would be fragile (two seeds), or, where the seed SD is known, neither an effect of ten
    margins nor equivalence would be shown with the probabilities that a study is planned for (.8 and .5).
    """
    for outlook in found:
        if outlook.seeds < FEWEST_SEEDS:
            raise InputError(
                f"seeds: {outlook.seeds} can show nothing, since a claim must survive the loss of any one; "
                f"{FEWEST_SEEDS} could, 5 or more are for claims"
            )
    blind = [o for o in found if o.sd.known and _is_blind(o, plan.judgement.margin)]
    if found and len(blind) == len(found):
        worst = blind[0]
        raise InputError(
            f"seeds: {worst.seeds} can show nothing here: with a seed SD of {worst.sd.value:.2f} points only effects "
            f"above {worst.detectable:.1f} points would show (margin {plan.judgement.margin:g}); "
            f"{_enough(plan, worst)} would do"
        )


def _is_blind(outlook: Outlook, margin: float) -> bool:
    """Whether neither a large effect nor equivalence is likely to be shown."""
    chance = outlook.sight.equivalence_chance if outlook.sight else 0.0
    return outlook.detectable > LARGE * margin and chance < 0.5


def _enough(plan: Plan, blind: Outlook) -> str:
    """How many seeds would show an effect of ten margins in that family."""
    limit = LARGE * plan.judgement.margin
    for seeds in range(blind.seeds + 1, MOST_SEEDS):
        again = _outlooks(plan, blind.workload, blind.sd, seeds)
        if next(o for o in again if o.family == blind.family).detectable <= limit:
            return f"{seeds} seeds"
    return "a larger margin or more evaluation images"


def _claims(plan: Plan, workload: str) -> int:
    """How many comparisons of a workload are judged together: of confirmed arms, or of those that may be."""
    pairs = [pair for pair in plan.comparisons if pair.workload == workload]
    if keep := next((rule.keep for rule in plan.later if rule.phase == "confirm" and rule.keep), None):
        return min(len(pairs), keep)
    confirm = {run.fingerprint for phase in plan.phases if phase.name == "confirm" for run in phase.runs}
    judged = [pair for pair in pairs if plan.arm(workload, pair.arm).fingerprint in confirm]
    return len(judged) if confirm else len(pairs)
