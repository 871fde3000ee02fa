"""What a practitioner should take from a number, in a sentence."""

from collections import Counter
from collections.abc import Sequence

from trickbag.records.plan import Plan
from trickbag.records.result import Accuracy, ArmResult, Verdict

NOT_CLAIMED = (
    "other networks, data sets, budgets or hyper-parameters than these; new images beyond this evaluation set; "
    "training time, since runs were side by side; that effects add up."
)


def sentence(
    name: str,
    comparison: str,
    verdict: Verdict,
    effect: Accuracy | None,
    margin: float,
    seeds: int,
) -> str:
    """One arm in one sentence."""
    if effect is None:
        return f"{name}: too few finished seeds to say anything."
    size, interval = f"{signed(effect.effect)} points", f"95 % interval {between(effect.low, effect.high)}"
    return {
        "better": f"{name} raises accuracy over {comparison} by {size} ({interval}).",
        "better but small": f"{name} raises accuracy over {comparison}, but by less than the margin of {margin:g} "
        f"points: {size} ({interval}).",
        "equivalent": f"{name} makes no practical difference to {comparison}: its effect lies within ±{margin:g} "
        f"points ({size}, 90 % interval {between(effect.low_90, effect.high_90)}).",
        "worse": f"{name} lowers accuracy against {comparison} by {-effect.effect:.2f} points ({interval}).",
        "undecided": f"{name} is not settled with {seeds} seeds: its effect on {comparison} may be anything from "
        f"{between(effect.low, effect.high)} points.",
        "not analysed": f"{name}: too few finished seeds to say anything.",
    }[verdict]


def bottom_line(arms: Sequence[ArmResult], margin: float, missing: int) -> str:
    """The answer first: how many comparisons ended how, and the clearest gain; `missing` runs are to come."""
    if not arms or all(arm.verdict == "not analysed" for arm in arms):
        return "No verdict yet: too few runs have finished."
    counts = Counter[str](arm.verdict for arm in arms)
    phrases = {
        "better": "{} better",
        "better but small": "{} better by less than the margin",
        "equivalent": "{} equivalent",
        "worse": "{} worse",
        "undecided": "{} undecided",
        "not analysed": "{} not analysed",
    }
    listed = ", ".join(phrases[verdict].format(counts[verdict]) for verdict in phrases if counts[verdict])
    interim = f"Interim, with {missing} runs to come: no claim yet. " if missing else ""
    return f"{interim}Of {len(arms)} comparisons (margin {margin:g} pp): {listed}.{_best(arms)}"


def _best(arms: Sequence[ArmResult]) -> str:
    """The largest gain that is claimed and not fragile."""
    gains = [
        arm
        for arm in arms
        if arm.verdict in ("better", "better but small") and not arm.fragile and arm.accuracy
    ]
    if not gains:
        return ""
    best = max(gains, key=lambda arm: arm.accuracy.effect if arm.accuracy else 0.0)
    assert best.accuracy is not None
    return (
        f" The largest gain is {best.name}: {signed(best.accuracy.effect)} points "
        f"(95 % interval {between(best.accuracy.low, best.accuracy.high)})."
    )


def scope(plan: Plan, workload: str) -> str:
    """What a workload is: network, images, budget, and what it is judged on."""
    recipe = plan.arm(workload, "baseline").recipe
    images = next(w for w in plan.workloads if w.name == workload)
    return (
        f"{recipe['model']['name']} on {recipe['data']['name']}: {images.train_images:,} training images, "
        f"{recipe['budget']['epochs']} epochs, judged on {len(images.validation_ids):,} validation images"
    )


def signed(value: float) -> str:
    """A number with its sign, the minus as long as the plus."""
    return f"{value:+.2f}".replace("-", "−")


def between(low: float, high: float) -> str:
    """An interval in words."""
    return f"{signed(low)} to {signed(high)}"
