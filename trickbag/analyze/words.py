"""What a practitioner should take from a number, in a sentence."""

from collections.abc import Collection
from dataclasses import dataclass

from trickbag.records.numerals import points as signed
from trickbag.records.numerals import times
from trickbag.records.result import Across, ArmResult, ContrastResult, Interval, Longer, Time

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SHARES = ((0.58, 2 / 3, "two in three"), (0.71, 3 / 4, "three in four"), (0.83, 0.9, "nine in ten"))
DIFFER = 0.05  # p of equal effects, Holm over all arms: below, workloads differ by more than chance

INTERIM = "Interim, not a claim yet: "


@dataclass(frozen=True)
class Setting:
    """What a sentence must know beside its arm."""

    margin: float  # percentage points
    openings: int = 0  # of the test images
    confirming: bool = True  # the short-list is known: screened arms that are not on it were dropped
    extensions: int = 0  # times that seeds were added after results could be seen


def sentence(arm: ArmResult, setting: Setting) -> str:
    """One arm in a few sentences: the claim first, then what qualifies it."""
    if arm.phase == "screen" and arm.selected:
        return _screened(arm, setting)
    parts = [_claim(arm, setting.margin), *_qualified(arm, setting), *_tested(arm, setting.openings)]
    text = " ".join(part for part in [*parts, *_cost(arm)] if part)
    return f"{INTERIM}{text}" if arm.interim else text


def _claim(arm: ArmResult, margin: float) -> str:
    """What was found about the accuracy, on the validation images."""
    a, name, other = arm.accuracy, arm.name, arm.comparison
    if arm.phase == "tune":
        return f"{name}: tuned so far, not judged."
    if a is None or arm.verdict == "not analysed":
        return f"{name} has too few finished seeds to say anything."
    size, interval = f"{signed(a.effect)} points", f"95 % interval {between(a.low, a.high)}"
    raises, lowers, makes = (
        ("seems to raise", "seems to lower", "seems to make")
        if arm.fragile or arm.interim
        else ("raises", "lowers", "makes")
    )
    errors, seeds = _errors(arm.relative_error), arm.paired_seeds or arm.seeds
    return {
        "better": f"{name} {raises} accuracy over {other} by {size} ({interval}){errors}.",
        "better but small": f"{name} {raises} accuracy over {other}, but by less than the margin of {margin:g} "
        f"points: {size} ({interval}){errors}.",
        "equivalent": f"{name} {makes} no practical difference to {other}: its effect lies within ±{margin:g} "
        f"points ({size}, 90 % interval {between(a.low_90, a.high_90)}).",
        "worse": f"{name} {lowers} accuracy against {other} by {-a.effect:.2f} points ({interval}){errors}.",
        "undecided": f"{name} is not settled with {seeds} seeds: its difference to {other} may be anything from "
        f"{between(a.low, a.high)} points{_to_settle(arm)}.",
    }[arm.verdict]


def _to_settle(arm: ArmResult) -> str:
    """The price of an undecided comparison."""
    return f"; {arm.price.text}" if arm.price else ""


def _screened(arm: ArmResult, setting: Setting) -> str:
    """An arm that screening did not pass on, or not yet."""
    size = f", {signed(arm.accuracy.effect)} points against {arm.comparison}," if arm.accuracy else ""
    seeds = f"{arm.seeds} seed{'s' if arm.seeds != 1 else ''}"
    if setting.confirming:
        return (
            f"{arm.name} was dropped at screening ({seeds}): not evidence of no effect. The screening estimate"
            f"{size} helped to choose and is optimistic."
        )
    return f"{arm.name}: screened only so far ({seeds}){size.rstrip(',')}: not evidence for or against it."


def _qualified(arm: ArmResult, setting: Setting) -> list[str]:
    """What limits or supports a claim: fragility, new images, interim looks, divergence, tuning."""
    if arm.verdict == "not analysed":
        return [_diverged(arm)]
    found = []
    if arm.fragile:
        added = ", or at the much stricter level that added seeds ask for," if setting.extensions else ""
        found.append(f"Fragile: by the robust cross-check{added} it reads differently.")
    if arm.new_images and arm.verdict != "undecided":
        found.append(
            "For new images like these the simultaneous interval is "
            f"{between(arm.new_images.low, arm.new_images.high)}."
        )
    if arm.stopped_at is not None and arm.verdict == "undecided":
        found.append(f"Stopped at the interim look with {arm.stopped_at} seeds, its estimate below zero.")
    elif arm.stopped_at is not None:
        found.append(f"Settled at the interim look with {arm.stopped_at} seeds; such estimates run high.")
    if arm.ledger.level == "T1":
        found.append(f"Tuned alike: {arm.ledger.points} points for it and for its comparison (T1).")
    return [*found, _diverged(arm)]


def _diverged(arm: ArmResult) -> str:
    """How many runs diverged, where any did."""
    ended = arm.seeds + arm.diverged
    return f"{arm.diverged} of {ended} runs diverged and are not in the mean." if arm.diverged else ""


def _tested(arm: ArmResult, openings: int) -> list[str]:
    """The effect on the test images, once they were opened."""
    if arm.test is None:
        return []
    size = f"{signed(arm.test.effect)} points (95 % interval {between(arm.test.low, arm.test.high)})"
    return [f"On the test images, opened {times(openings)}: {size}."]


def _cost(arm: ArmResult) -> list[str]:
    """Training time, and what the gain is worth in it."""
    found = []
    if arm.time and arm.time_verdict in ("faster", "slower"):
        kept = ", accuracy kept within the margin" if arm.faster_and_kept else ""
        found.append(f"It trains {speed(arm.time)}{kept}.")
    if arm.equals_longer:
        found.append(f"As accurate as {arm.comparison} trained {_longer(arm.equals_longer)}.")
    return found


def speed(time: Time) -> str:
    """A ratio of training times as a change of training time: `in 12.0 % less time (11.0 to 13.0 %)`."""
    changes = sorted(100 * abs(ratio - 1) for ratio in (time.low, time.high))
    word = "less" if time.ratio < 1 else "more"
    bounds = f"{changes[0]:.1f} to {changes[1]:.1f} %"
    return f"in {100 * abs(time.ratio - 1):.1f} % {word} time ({bounds})"


def _longer(longer: Longer) -> str:
    """How many times as long, with the bounds of an interval of its own where they are known."""
    low = "?" if longer.low is None else f"{longer.low:.2f}"
    high = "?" if longer.high is None else f"{longer.high:.2f}"
    return f"{longer.times:.2f} times as long ({low} to {high}, an interval of its own)"


def _errors(relative: Interval | None) -> str:
    """The change of the error rate in plain words."""
    if relative is None:
        return ""
    share = abs(relative.effect) / 100
    if relative.effect > 0 and share >= 0.95:
        return f", {1 + share:.1f} times as many errors"
    text = part_of(share)
    return f", about {text} {'fewer' if relative.effect < 0 else 'more'}" if text else ""


def part_of(share: float) -> str:
    """A share of the errors as people say it: `one error in eight`; empty below one in fifty."""
    if share < 0.02:
        return ""
    if share >= SHARES[0][0]:
        word = next(words for least, _, words in reversed(SHARES) if share >= least)
        return f"{word} errors"
    whole = max(2, round(1 / share))
    return f"one error in {NUMBERS[whole] if whole < len(NUMBERS) else whole}"


def contrast_sentence(part: ContrastResult, total: Interval | None, margin: float) -> str:
    """A factor's share in one sentence."""
    return (INTERIM if part.interim else "") + _share(part, total, margin)


def _share(part: ContrastResult, total: Interval | None, margin: float) -> str:
    """What a factor carries."""
    a, size = part.accuracy, f"{signed(part.accuracy.effect)} points"
    interval = f"(95 % interval {between(a.low, a.high)})"
    fragile = ", but not robustly (fragile)" if part.fragile else ""
    if part.verdict == "undecided":
        return f"{part.name}: not settled, anything from {between(a.low, a.high)} points."
    if part.verdict == "equivalent":
        within = f"within ±{margin:g} points {interval}"
        return {
            "interaction": f"{part.name}: the two add up, {within}{fragile}.",
            "main_effect": f"{part.name} makes no practical difference on average, {within}{fragile}.",
            "shapley": f"{part.name} carries nothing of practical interest, {within}{fragile}.",
        }[part.kind]
    if part.kind == "interaction":
        more = "more" if a.effect > 0 else "less"
        return f"{part.name}: together {abs(a.effect):.2f} points {more} than the two add up to {interval}{fragile}."
    if part.kind == "main_effect":
        return f"{part.name}: {size} on average over the settings of the others {interval}{fragile}."
    whole = f" of the stack's {signed(total.effect)}" if total else ""
    return f"{part.name} carries {size}{whole} {interval}{fragile}."


def across_sentence(found: Across, helping: Collection[str], hurting: Collection[str]) -> str:
    """Whether an arm does the same everywhere; `helping`, `hurting`: the workloads whose own family claims it."""
    effects = dict(zip(found.workloads, found.effects, strict=True))
    helps, hurts = (
        [f"{w} ({signed(e.effect)})" for w, e in effects.items() if w in claimed]
        for claimed in (helping, hurting)
    )
    count = NUMBERS[len(found.effects)] if len(found.effects) < len(NUMBERS) else str(len(found.effects))
    mean = f"{signed(found.mean.effect)} points on average (95 % interval {between(found.mean.low, found.mean.high)})"
    if found.heterogeneity_p_adjusted < DIFFER:
        said = [f"helps on {', '.join(helps)}"] * bool(helps) + [f"hurts on {', '.join(hurts)}"] * bool(hurts)
        what = ", ".join(said) or f"{mean} over {count} workloads"
        return (
            f"{found.name} {what}: effects differ by more than chance (p = {found.heterogeneity_p_adjusted:.2g}), "
            "so no single number speaks for other workloads."
        )
    alike = f"about the same on all {count}" if len(found.effects) > 2 else "about the same on both"
    return f"{found.name}: {alike} as far as these seeds can tell, {mean}."


def between(low: float, high: float) -> str:
    """An interval in words."""
    return f"{signed(low)} to {signed(high)}"
