"""What is said of an arm beside its verdict, the same in every format of the report."""

from collections.abc import Iterable
from typing import NamedTuple

from trickbag.records.result import ArmResult, Longer, Price, Results, Spread, Summary, ToTarget
from trickbag.report.wording import (
    beyond_chance,
    duration,
    interval,
    listed,
    measured,
    number,
    numbered,
    points,
    ratio,
    share,
    times,
)

INTERIM, FRAGILE = "interim", "fragile"
JOINT = "faster, accuracy kept"
OPTIMISTIC = "selected, optimistic"
BALANCED = "Balanced: mean of the classes' accuracies, for classes of different size; verdicts are on top-1."


class Fact(NamedTuple):
    """A name, a value, and what it means."""

    name: str
    value: str
    meaning: str


def level(arm: ArmResult) -> str:
    """How an arm was tuned before it was judged."""
    ledger = arm.ledger
    return "T0, drop-in" if ledger.level == "T0" else f"T1: {numbered(ledger.points, 'point')} each"


def marks(arm: ArmResult, extensions: int = 0) -> tuple[tuple[str, str], ...]:
    """Short flags beside a verdict, each with its explanation; `extensions`: how often seeds were added."""
    found = {
        INTERIM: ("runs of this comparison are to come: no claim yet", arm.interim),
        FRAGILE: (fragile_meaning(extensions), arm.fragile),
        JOINT: ("one claim: not less accurate by the margin, and faster", arm.faster_and_kept),
        f"stopped at {arm.stopped_at} seeds": ("an interim look settled it", arm.stopped_at is not None),
        OPTIMISTIC: ("a screening estimate: it helped to choose the arm", arm.selected),
    }
    return tuple((words, meaning) for words, (meaning, holds) in found.items() if holds)


def fragile_meaning(extensions: int) -> str:
    """Why a verdict is fragile, in a study to which seeds were added so many times after results could be seen."""
    if extensions:
        return "the robust cross-check, or the stricter level that added seeds ask for, does not share this verdict"
    return "the robust cross-check does not share this verdict"


def arm_facts(arm: ArmResult, results: Results) -> tuple[Fact, ...]:
    """All that is known of an arm beyond its row of the verdict table."""
    found, sure = list[Fact](), f"{share(results.level)} interval"
    if change := arm.relative_error:
        found.append(
            Fact("Error rate", f"{measured(change, 1)} %", f"change of the comparison's, simultaneous {sure}")
        )
    if new := arm.new_images:
        meaning = f"effect with new seeds and new images like these, simultaneous {sure}"
        found.append(Fact("On new images, pp", measured(new), meaning))
    if arm.test:
        mean = f"; its accuracy there is {number(arm.test_mean)} %" if arm.test_mean is not None else ""
        found.append(Fact("On the test images, pp", test_effect(arm), f"{opened(results)}{mean}"))
    if arm.published is not None:
        found.append(Fact("Published", published(arm).removeprefix("published "), arm.published_source))
    if arm.equals_longer:
        meaning = "the baseline would have to train this long to be as accurate; an interval of its own"
        found.append(Fact("In training time", longer(arm.equals_longer), meaning))
    if arm.faster_and_kept:
        meaning = f"not less accurate by the margin of {number(results.margin)} pp, and faster: one claim"
        found.append(Fact("Joint claim", JOINT, meaning))
    if arm.stopped_at is not None:
        found.append(Fact("Stopped", f"at {arm.stopped_at} seeds", "an interim look settled the comparison"))
    found += [Fact("Tuning", level(arm), tuning_meaning(arm)), *spread_facts(arm.spread)]
    return tuple(found)


def balanced(arm: Summary) -> str:
    """The balanced accuracy, where the classes differ in size; else empty."""
    return "" if arm.balanced_mean is None else f"balanced {number(arm.balanced_mean)}"


def has_balanced(results: Results) -> bool:
    """Whether any arm was judged on classes that differ in size."""
    return any(arm.balanced_mean is not None for arm in (*results.baselines, *results.arms))


def published(arm: Summary) -> str:
    """The printed accuracy, with its difference to the comparison's where one source has both; else empty."""
    if arm.published is None:
        return ""
    effect = arm.published_effect if isinstance(arm, ArmResult) else None
    return f"published {number(arm.published)}" + (f" ({points(effect)})" if effect is not None else "")


def published_sources(arms: Iterable[Summary]) -> str:
    """Where the printed accuracies are from; empty where there are none."""
    return "; ".join(dict.fromkeys(arm.published_source for arm in arms if arm.published_source))


def short_price(price: Price) -> str:
    """The price of settling a comparison in a few words."""
    if price.seeds is None or price.more_runs is None:
        return price.text
    return f"{price.seeds} seeds (+{price.more_runs} runs)"


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


def divergence(arm: Summary) -> str:
    """Whether an arm diverges at another rate than its comparison; empty for what is compared with nothing."""
    p = arm.spread.diverged_p if isinstance(arm, ArmResult) and arm.spread else None
    return "" if p is None else f". Its rate of divergence differs {beyond_chance(p)} from its comparison's"


def test_effect(arm: ArmResult) -> str:
    """The effect on the test images."""
    assert arm.test is not None
    return f"{points(arm.test.effect)} {interval(arm.test.low, arm.test.high)}"


def opened(results: Results) -> str:
    """How often the test images were opened."""
    count = results.test_openings
    return f"the test set was opened {times(count)}" if count else "the test set was not opened"


def longer(value: Longer) -> str:
    """What an arm's gain is worth in training time."""
    text = f"equals training the baseline {number(value.times)} times as long"
    if value.low is None:
        return text + (
            ", how surely is not known" if value.high is None else f", at most {number(value.high)}"
        )
    return (
        text + f", {number(value.low)} " + ("or more" if value.high is None else f"to {number(value.high)}")
    )


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


def mishaps(arm: Summary) -> str:
    """What happened to the runs that did not finish, and why; empty where all did."""
    counts = {"diverged": arm.diverged, **arm.failed, "unfinished": arm.unfinished}
    said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    return said + (f" ({'; '.join(arm.reasons)})" if arm.reasons else "")
