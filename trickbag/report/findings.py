"""What is said of a study beside its arms, the same in every format of the report."""

from collections.abc import Iterable

from trickbag.records.result import (
    Across,
    ArmResult,
    Attribution,
    ContrastResult,
    CostPoint,
    Noise,
    PhaseNote,
    Results,
    TimingSession,
)
from trickbag.report.facts import Fact, level, opened
from trickbag.report.groups import Group
from trickbag.report.wording import (
    TIME_CAVEAT,
    beyond_chance,
    interval,
    listed,
    measured,
    number,
    numbered,
    share,
    times,
)

ATTRIBUTION = {
    "main_effect": (
        "Main effects",
        "What switching a factor on changes, averaged over all settings of the others.",
    ),
    "interaction": (
        "Interactions",
        "What two factors bring together beyond the sum of what each brings; zero where they simply add up.",
    ),
    "shapley": (
        "Shapley shares",
        "Each factor's share of the stack's gain, averaged over {} orders of adding them; the shares sum to "
        "the whole stack's gain exactly.",
    ),
}
INTERACTION = {
    "better": "more together",
    "better but small": "a little more together",
    "equivalent": "they add up",
    "worse": "less together",
    "undecided": "undecided",
    "not analysed": "not analysed",
}


def attribution_meaning(shares: Attribution) -> str:
    """What the shares are; of sampled orders also what their intervals leave out."""
    text = ATTRIBUTION[shares.kind][1]
    if shares.orders is None:
        return text.format("all")
    return f"{text.format(f'{shares.orders} random')} Intervals leave out the sampling of the orders."


def part_verdict(part: ContrastResult) -> str:
    """The verdict on what a factor carries; on an interaction, whether two factors bring more or less together."""
    return INTERACTION[part.verdict] if part.kind == "interaction" else part.verdict


def total(shares: Attribution) -> str:
    """The whole stack's gain, and whether the parts make it up."""
    if shares.total is None:
        return ""
    equal = {"shapley": "The shares sum to it.", "main_effect": "Main effects need not sum to it."}
    text = f"The whole stack gains {measured(shares.total)} pp over the baseline."
    note = (
        "This interval rests on the spread of all arms together, the verdict's on its own differences alone."
    )
    return " ".join(filter(None, (text, equal.get(shares.kind), note)))


def prediction(across: Across) -> str:
    """Where the effect on another such workload would lie."""
    found = across.prediction
    return f"{interval(found.low, found.high)}" if found else "–"


def heterogeneity(across: Across) -> str:
    """How much an arm's effects differ between workloads, in words."""
    differ = beyond_chance(across.heterogeneity_p_adjusted)
    return (
        f"The effects differ {differ}; SD of the true effects between workloads "
        f"(tau) {number(across.tau)} pp, share of the scatter that is not chance (I²) {share(across.i_squared)}."
    )


def cost_caption(found: Iterable[CostPoint]) -> str:
    """Where the times of the picture come from."""
    kinds = {point.measured for point in found}
    if kinds == {True}:
        return "Times are measured, from the timing session."
    if kinds == {False}:
        return f"Times are {TIME_CAVEAT}."
    return f"Circles: times measured in the timing session. Squares: {TIME_CAVEAT}."


def session(timing: TimingSession) -> str:
    """What the timing session was."""
    return (
        f"Measured in an exclusive timing session of {numbered(timing.rounds, 'round')}; other processes used "
        f"{share(timing.other_load)} of the cores meanwhile."
    )


def target_caption(group: Group) -> str:
    """Where the times to target come from: the session where the workload's times are all measured in it."""
    kinds = {point.measured for point in group.costs}
    return "Times are measured, from the timing session." if kinds == {True} else f"Times are {TIME_CAVEAT}."


def dropped_title(group: Group, results: Results) -> str:
    """What the list of screened arms is."""
    went_on = any(phase.name == "confirm" for phase in results.phases) or bool(group.judged)
    return "Dropped at screening" if went_on else "Screened so far"


def why(arm: ArmResult, results: Results) -> str:
    """Why a screened arm went on or not, as its phase noted."""
    reasons = [phase.reasons[arm.name] for phase in results.phases if arm.name in phase.reasons]
    return reasons[-1] if reasons else ""


def phase_title(phase: PhaseNote) -> str:
    """A phase with its look."""
    return phase.name + (f", look {phase.look}" if phase.look is not None else "")


def scope_lines(results: Results) -> tuple[str, ...]:
    """What the numbers speak about."""
    sure = share(results.level)
    new = any(arm.new_images for arm in results.arms)
    test = "no number here is from it" if not results.test_openings else "its numbers are marked as test"
    images = "; those intervals are given apart, and labelled" if new else ""
    levels = {level(arm) for arm in results.arms}
    seeds = "the same seeds" if results.pairing == "seeds" else "seeds of each arm's own"
    added = f"Seeds were added {times(results.extensions)} after results could be seen, so a verdict is fragile, too, "
    added += "where it does not hold at a much stricter level."
    return (
        *(f"{name}: {text}" if len(results.baselines) > 1 else text for name, text in results.scope.items()),
        f"Effects are differences of mean accuracy in percentage points (pp) over {seeds}; their "
        f"intervals are simultaneous {sure} intervals.",
        families(results.level),
        *([added] if results.extensions else []),
        f"Intervals speak about new seeds on this evaluation set. New images would widen them{images}.",
        f"The declared margin of practical interest is ±{number(results.margin)} pp.",
        f"Tuning before judging: {'; '.join(sorted(levels)) or 'none'}.",
        f"All choices were made on validation images; {opened(results)}, {test}.",
    )


def families(level: float) -> str:
    """Over what the error rate holds."""
    return (
        f"The {share(1 - level)} of error holds per workload and per kind of claim (the comparisons; each kind of "
        "share), not over all of a study's families together."
    )


def noise_lines(noise: Noise) -> tuple[Fact, ...]:
    """What, how much, and what it means, for one workload's noise."""
    found = [
        Fact("Seed SD", f"{number(noise.seed_sd)} pp", "typical distance of one run from its arm's mean"),
        Fact(
            "Luck of the evaluation set",
            share(noise.evaluation_luck),
            f"of the seed variance comes from judging on only {noise.evaluation_images:,} images",
        ),
        Fact(
            "Same-seed correlation",
            number(noise.seed_correlation),
            "how alike the ups and downs of two arms with one seed are",
        ),
        Fact(
            "Pairing saved", share(noise.pairing_saved), "of the runs that unpaired seeds would have needed"
        ),
    ]
    if noise.smallest_sd is not None and noise.largest_sd is not None:
        span = f"{number(noise.smallest_sd)} to {number(noise.largest_sd)} pp"
        found.append(Fact("SD of single arms", span, equal_sd(noise.equal_sd_p)))
    return tuple(found)


def equal_sd(p: float | None) -> str:
    """What the test of equal SDs says, in words."""
    if p is None:
        return "smallest and largest"
    return f"smallest and largest; they differ {beyond_chance(p)}"


def outlying(group: Group) -> list[tuple[str, str]]:
    """Arms with seeds that lie far from the others, and which."""
    return [
        (arm.name, listed(arm.spread.outlying_seeds))
        for arm in group.arms
        if arm.spread and arm.spread.outlying_seeds
    ]
