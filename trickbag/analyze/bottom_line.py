"""The answer first: how the comparisons ended, the clearest gain, what hurts, and what is not claimed."""

from collections import Counter
from collections.abc import Sequence

from trickbag.analyze.words import DIFFER, between
from trickbag.records.numerals import points as signed
from trickbag.records.numerals import times
from trickbag.records.plan import Plan
from trickbag.records.result import Across, ArmResult, Attribution

PHRASES = {
    "better": "{} raise accuracy",
    "better but small": "{} raise it by less than the margin",
    "equivalent": "{} make no practical difference",
    "worse": "{} lower accuracy",
    "undecided": "{} are undecided",
    "fragile": "{} fragile and not counted as claims",
    "dropped": "{} were dropped at screening",
    "not analysed": "{} not analysed",
}
SINGULAR = {"raise": "raises", "make": "makes", "lower": "lowers", "are": "is", "were": "was"}
SHOWN = 3  # how many arms a list names before it counts the rest


def bottom_line(
    arms: Sequence[ArmResult],
    plan: Plan,
    missing: int,
    openings: int = 0,
    attributions: Sequence[Attribution] = (),
    across: Sequence[Across] = (),
) -> str:
    """The answer, in a few sentences; `missing` runs are to come. Fragile claims are counted apart.

    While runs or phases are to come it says so, and neither counts nor names a gain: nobody should stop a study
    where its numbers happen to look well.
    """
    if missing or plan.later:
        parts = [_unfinished(plan, missing), added_seeds(plan)]
    elif not arms or all(arm.verdict == "not analysed" and not arm.selected for arm in arms):
        parts = ["No verdict: too few runs have finished."]
    else:
        parts = [_counts(arms, plan), added_seeds(plan), _best(arms), _kept(arms), _hurting(arms)]
        parts += [_carries(attributions), _differing(across), _tested(arms, openings)]
    return " ".join(part for part in parts if part)


def _unfinished(plan: Plan, missing: int) -> str:
    """How much is to come."""
    runs = f"{missing} of {len(plan.runs)} planned runs {'is' if missing == 1 else 'are'} to come"
    phases = f" The phases to come: {', '.join(rule.phase for rule in plan.later)}." if plan.later else ""
    return f"Interim, no claim is made yet: {runs if missing else 'not all phases have run'}.{phases}"


def added_seeds(plan: Plan) -> str:
    """That seeds were added after results could be seen, and what that does to the verdicts; empty if none were."""
    count = plan.judgement.extensions
    if not count:
        return ""
    return (
        f"Seeds were added {times(count)} after results could be seen: verdicts that do not also hold at a much "
        "stricter level are marked fragile for that."
    )


def _kind(arm: ArmResult) -> str:
    """What an arm is counted as."""
    if arm.selected:
        return "dropped"
    claims = arm.fragile and arm.verdict not in ("undecided", "not analysed")
    return "fragile" if claims else arm.verdict


def _counts(arms: Sequence[ArmResult], plan: Plan) -> str:
    """How many comparisons ended how."""
    counts = Counter(_kind(arm) for arm in arms)
    said = [_number(PHRASES[kind], counts[kind]) for kind in PHRASES if counts[kind]]
    error = f"{1 - plan.judgement.level:.0%}".replace("%", " %")
    several = len(plan.workloads) > 1
    where = f" on {len(plan.workloads)} workloads ({error} per workload)" if several else ""
    margin = plan.judgement.margin
    noun = "comparison" if len(arms) == 1 else "comparisons"
    return f"Of {len(arms)} {noun} (margin {margin:g} point{'s' * (margin != 1)}){where}, {', '.join(said)}."


def _number(phrase: str, count: int) -> str:
    """A phrase with its count, its verb made to agree."""
    first, verb, *rest = phrase.format(count).split(" ", 2)
    return " ".join([first, SINGULAR.get(verb, verb) if count == 1 else verb, *rest])


def _claims(arms: Sequence[ArmResult], *verdicts: str) -> list[ArmResult]:
    """The arms with one of these verdicts and no flag, the largest effect first."""
    found = [arm for arm in arms if arm.verdict in verdicts and not arm.fragile and arm.accuracy]
    return sorted(found, key=lambda arm: -abs(arm.accuracy.effect) if arm.accuracy else 0.0)


def _best(arms: Sequence[ArmResult]) -> str:
    """The largest gain that is claimed and not fragile."""
    for best in _claims(arms, "better", "better but small")[:1]:
        assert best.accuracy is not None
        a = best.accuracy
        return (
            f"The largest gain is {_name(best, arms)}: {signed(a.effect)} points "
            f"(95 % interval {between(a.low, a.high)})."
        )
    return ""


def _kept(arms: Sequence[ArmResult]) -> str:
    """What trains faster without losing accuracy."""
    kept = [arm for arm in arms if arm.faster_and_kept and not arm.fragile and arm.time]
    kept.sort(key=lambda arm: arm.time.ratio if arm.time else 1.0)
    said = [f"{_name(arm, arms)} ({100 * (1 - arm.time.ratio):.0f} % less time)" for arm in kept if arm.time]
    return f"Faster, accuracy kept: {_listed(said)}." if said else ""


def _hurting(arms: Sequence[ArmResult]) -> str:
    """What lowers accuracy."""
    said = [
        f"{_name(arm, arms)} ({signed(arm.accuracy.effect)})"
        for arm in _claims(arms, "worse")
        if arm.accuracy
    ]
    return f"Hurts: {_listed(said)}." if said else ""


def _carries(attributions: Sequence[Attribution]) -> str:
    """The factor that clearly carries most of each stack; without shares of a stack, the factors that clearly act."""
    said = []
    shared = any(found.kind == "shapley" for found in attributions)
    for found in attributions:
        clear = [p for p in found.parts if p.verdict in ("better", "better but small") and not p.fragile]
        if found.kind == "shapley" and found.total and clear:
            most = max(clear, key=lambda part: part.accuracy.effect)
            said.append(
                f"Of the stack's {signed(found.total.effect)} points{_on(found, attributions)}, {most.name} carries "
                f"the most: {signed(most.accuracy.effect)} ({between(most.accuracy.low, most.accuracy.high)})."
            )
        acting = [
            p for p in found.parts if p.verdict in ("better", "better but small", "worse") and not p.fragile
        ]
        if found.kind == "main_effect" and acting and not shared:
            effects = _listed([f"{part.name} {signed(part.accuracy.effect)}" for part in acting])
            said.append(f"Main effects in points{_on(found, attributions)}: {effects}.")
    return " ".join(said)


def _on(found: Attribution, attributions: Sequence[Attribution]) -> str:
    """Where, if there are several workloads."""
    return f" on {found.workload}" if len({a.workload for a in attributions}) > 1 else ""


def _differing(across: Sequence[Across]) -> str:
    """What does not carry over from one workload to another."""
    names = [found.name for found in across if found.heterogeneity_p_adjusted < DIFFER]
    return f"Differs between workloads by more than chance: {_listed(names)}." if names else ""


def _tested(arms: Sequence[ArmResult], openings: int) -> str:
    """The clearest gain on the test images, once they were opened."""
    gains = [arm for arm in _claims(arms, "better", "better but small") if arm.test]
    if not openings or not gains or gains[0].test is None:
        return ""
    test = gains[0].test
    return (
        f"On the test images, opened {times(openings)}, {_name(gains[0], arms)} gains {signed(test.effect)} points "
        f"({between(test.low, test.high)})."
    )


def _name(arm: ArmResult, arms: Sequence[ArmResult]) -> str:
    """An arm's name, with its workload where there are several."""
    return f"{arm.name} on {arm.workload}" if len({a.workload for a in arms}) > 1 else arm.name


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def not_claimed(plan: Plan, timed: bool, opened: bool, attributed: bool) -> str:
    """What the results do not say, given what was measured.

    `timed`: a timing session was run. `opened`: the test images were. `attributed`: interactions or shares of
    a stack were estimated.
    """
    several, extensions = len(plan.workloads) > 1, plan.judgement.extensions
    tuned = any(arm.ledger.level == "T1" for arm in plan.arms if arm.role == "arm")
    said = [
        "networks and data sets beyond these workloads" if several else "other networks and data sets",
        "other budgets",
        "hyper-parameters beyond the tuned points"
        if tuned
        else "other hyper-parameters (nothing was tuned: T0)",
        "images of another kind than these",
    ]
    if any(arm.recipe.get("loss", {}).get("distillation") for arm in plan.arms):
        said.append("another teacher")
    if extensions:
        said.append(
            f"an error rate as if all seeds had been planned: seeds were added {times(extensions)} after results "
            "could be seen, and verdicts that do not also hold at a much stricter level are marked fragile for that"
        )
    if not timed:
        said.append("training time, since no timing session was run")
    if plan.contrasts and not attributed:
        said.append("shares of the stack, since its cells have not all finished on two common seeds")
    elif attributed and plan.study.get("orders"):
        said.append("shares with other random orders, whose sampling the intervals leave out")
    elif not attributed:
        said.append("that effects add up")
    if not opened and any(workload.test_images for workload in plan.workloads):
        said.append("anything about the test images, which are still sealed")
    return "; ".join(said) + "."


def scope(plan: Plan, workload: str) -> str:
    """What a workload is: network, images, budget, and what it is judged on."""
    recipe = plan.arm(workload, "baseline").recipe
    images = next(w for w in plan.workloads if w.name == workload)
    epochs = recipe["budget"]["epochs"]
    return (
        f"{recipe['model']['name']} on {recipe['data']['name']}: {images.train_images:,} training images, "
        f"{epochs} epoch{'s' * (epochs != 1)}, judged on {len(images.validation_ids):,} validation images"
    )
