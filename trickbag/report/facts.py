"""What is said of arms and workloads beside their verdicts, the same in every format of the report."""

from collections.abc import Iterable
from typing import NamedTuple

from trickbag.records.result import (
    Across,
    ArmResult,
    Attribution,
    ContrastResult,
    CostPoint,
    Longer,
    Noise,
    PhaseNote,
    Results,
    Spread,
    Summary,
    TimingSession,
    ToTarget,
)
from trickbag.report.groups import Group
from trickbag.report.wording import (
    TIME_CAVEAT,
    duration,
    interval,
    listed,
    measured,
    number,
    numbered,
    p_value,
    points,
    ratio,
    share,
    times,
)

JOINT = "faster, accuracy kept"
CHANCE = 0.05  # p-values below it are worded as more than chance explains
OPTIMISTIC = "selected, optimistic"
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
        "Each factor's share of the stack's gain, averaged over all orders of adding them; the shares sum to "
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


class Fact(NamedTuple):
    """A name, a value, and what it means."""

    name: str
    value: str
    meaning: str


def level(arm: ArmResult) -> str:
    """How an arm was tuned before it was judged."""
    ledger = arm.ledger
    return "T0, drop-in" if ledger.level == "T0" else f"T1: {numbered(ledger.points, 'point')} each"


def marks(arm: ArmResult) -> tuple[tuple[str, str], ...]:
    """Short flags beside a verdict, each with its explanation."""
    found = {
        "fragile": ("the robust cross-check does not share this verdict", arm.fragile),
        JOINT: ("one claim: not less accurate by the margin, and faster", arm.faster_and_kept),
        f"stopped at {arm.stopped_at} seeds": ("an interim look settled it", arm.stopped_at is not None),
        OPTIMISTIC: ("a screening estimate: it helped to choose the arm", arm.selected),
    }
    return tuple((words, meaning) for words, (meaning, holds) in found.items() if holds)


def arm_facts(arm: ArmResult, results: Results) -> tuple[Fact, ...]:
    """All that is known of an arm beyond its row of the verdict table."""
    found, sure = list[Fact](), f"{share(results.level)} interval"
    if change := arm.relative_error:
        found.append(Fact("Error rate", f"{measured(change, 1)} %", f"change of the comparison's, {sure}"))
    if new := arm.new_images:
        meaning = f"effect with new seeds and new images like these, simultaneous {sure}"
        found.append(Fact("On new images", f"{measured(new)} pp", meaning))
    if arm.test:
        mean = f"; its accuracy there is {number(arm.test_mean)} %" if arm.test_mean is not None else ""
        found.append(Fact("On the test images", test_effect(arm), f"{opened(results)}{mean}"))
    if arm.equals_longer:
        meaning = "the baseline would have to train this much longer to be as accurate"
        found.append(Fact("In training time", longer(arm.equals_longer), meaning))
    if arm.faster_and_kept:
        meaning = f"not less accurate by the margin of {number(results.margin)} pp, and faster: one claim"
        found.append(Fact("Joint claim", JOINT, meaning))
    if arm.stopped_at is not None:
        found.append(Fact("Stopped", f"at {arm.stopped_at} seeds", "an interim look settled the comparison"))
    found += [Fact("Tuning", level(arm), tuning_meaning(arm)), *spread_facts(arm.spread)]
    return tuple(found)


def tuning_meaning(arm: ArmResult) -> str:
    """What the tuning level means for this arm."""
    if arm.ledger.level == "T0":
        return "the baseline's hyper-parameters, nothing tuned"
    return "as many points for its comparison" + (f"; chosen: {chosen(arm)}" if arm.ledger.chosen else "")


def chosen(arm: ArmResult) -> str:
    """The values of the winning tuning point."""
    return ", ".join(f"{path} = {value:.4g}" for path, value in arm.ledger.chosen.items())


def space(arm: ArmResult) -> str:
    """Where tuning searched."""
    return ", ".join(f"{path} ×{low:g} to ×{high:g}" for path, (low, high) in arm.ledger.space.items())


def spread_facts(spread: Spread | None) -> list[Fact]:
    """How the seeds of an arm scatter."""
    found = list[Fact]()
    if spread and spread.sd_ratio is not None:
        found.append(Fact("Scatter of its seeds", f"×{number(spread.sd_ratio)}", "SD, to the comparison's"))
    if spread and spread.outlying_seeds:
        meaning = "their differences lie far from the others'; kept in every number"
        found.append(Fact("Outlying seeds", listed(spread.outlying_seeds), meaning))
    if spread and spread.diverged_p is not None:
        said = f"differs {beyond_chance(spread.diverged_p)}"
        found.append(Fact("Rate of divergence", said, "from the comparison's"))
    return found


def test_effect(arm: ArmResult) -> str:
    """The effect on the test images."""
    assert arm.test is not None
    return f"{points(arm.test.effect)} {interval(arm.test.low, arm.test.high)} pp"


def opened(results: Results) -> str:
    """How often the test images were opened."""
    return f"the test set was opened {times(results.test_openings)}"


def longer(value: Longer) -> str:
    """What an arm's gain is worth in training time."""
    text = f"equals training the baseline {number(value.times)} times as long"
    if value.low is None:
        return text + (", how surely is not known" if value.high is None else f", at most {number(value.high)}")
    return text + f", {number(value.low)} " + ("or more" if value.high is None else f"to {number(value.high)}")


def to_target(value: ToTarget) -> str:
    """How many runs reached the target, and when."""
    text = f"{value.reached} of {numbered(value.runs, 'run')} reached {number(value.target)} %"
    return text + ("" if value.reached == value.runs else "; those that never did count as censored")


def indicative(arm: Summary) -> str:
    """Training time of runs side by side, with its ratio to the comparison's: no claim."""
    side = arm.indicative_time_ratio if isinstance(arm, ArmResult) else None
    return duration(arm.train_seconds) + (f" (×{side:.2f})" if side else "")


def claim_on_time(arm: ArmResult) -> str:
    """The time verdict, with the ratio and its interval where time was measured."""
    time = arm.time
    return arm.time_verdict + (f": {ratio(time.ratio, time.low, time.high)}" if time else "")


def session(timing: TimingSession) -> str:
    """What the timing session was."""
    return (
        f"Measured in an exclusive timing session of {numbered(timing.rounds, 'round')}; other processes used "
        f"{share(timing.other_load)} of the cores meanwhile."
    )


def mishaps(arm: Summary) -> str:
    """What happened to the runs that did not finish; empty where all did."""
    counts = {"diverged": arm.diverged, **arm.failed, "unfinished": arm.unfinished}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def heterogeneity(across: Across) -> str:
    """How much an arm's effects differ between workloads, in words."""
    return (
        f"The effects differ {beyond_chance(across.heterogeneity_p)}; SD of the true effects between workloads "
        f"(tau) {number(across.tau)} pp, share of the scatter that is not chance (I²) {share(across.i_squared)}."
    )


def part_verdict(part: ContrastResult) -> str:
    """The verdict on what a factor carries; on an interaction, whether two factors bring more or less together."""
    return INTERACTION[part.verdict] if part.kind == "interaction" else part.verdict


def prediction(across: Across) -> str:
    """Where the effect on another such workload would lie."""
    found = across.prediction
    return f"{interval(found.low, found.high)}" if found else "–"


def total(shares: Attribution) -> str:
    """The whole stack's gain, and whether the parts make it up."""
    if shares.total is None:
        return ""
    equal = {"shapley": "The shares sum to it.", "main_effect": "Main effects need not sum to it."}
    text = f"The whole stack gains {measured(shares.total)} pp over the baseline."
    return f"{text} {equal.get(shares.kind, '')}".strip()


def cost_caption(found: Iterable[CostPoint]) -> str:
    """Where the times of the picture come from."""
    kinds = {point.measured for point in found}
    if kinds == {True}:
        return "Times are measured, from the timing session."
    if kinds == {False}:
        return f"Times are {TIME_CAVEAT}."
    return f"Circles: times measured in the timing session. Squares: {TIME_CAVEAT}."


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
    return (
        *(f"{name}: {text}" if len(results.baselines) > 1 else text for name, text in results.scope.items()),
        f"Effects are differences of mean accuracy in percentage points (pp) over the same seeds; their "
        f"intervals are simultaneous {sure} intervals.",
        f"Intervals speak about new seeds on this evaluation set. New images would widen them{images}.",
        f"The declared margin of practical interest is ±{number(results.margin)} pp.",
        f"Tuning before judging: {'; '.join(sorted(levels)) or 'none'}.",
        f"All choices were made on validation images; {opened(results)}, {test}.",
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
        Fact("Pairing saved", share(noise.pairing_saved), "of the runs that unpaired seeds would have needed"),
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


def beyond_chance(p: float) -> str:
    """Whether a difference is more than chance explains, with the p-value in parentheses."""
    return f"{'more than chance explains' if p < CHANCE else 'no more than chance may explain'} ({p_value(p)})"


def outlying(group: Group) -> list[tuple[str, str]]:
    """Arms with seeds that lie far from the others, and which."""
    return [
        (arm.name, listed(arm.spread.outlying_seeds))
        for arm in group.arms
        if arm.spread and arm.spread.outlying_seeds
    ]
