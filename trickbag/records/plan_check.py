"""Whether a plan hangs together: what it names is in it, and its numbers are such as can be worked with."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from trickbag.errors import InputError
from trickbag.records.plan import Arm, Judgement, Plan, Workload

BASELINE = "baseline"
MOST_IMAGES = 10**8  # of a data set


def check_sound(plan: Plan) -> None:
    """InputError naming the first thing for which the plan does not hang together."""
    for wrong in _problems(plan):
        raise InputError(f"plan.json: damaged: {wrong}")


def _problems(plan: Plan) -> Iterator[str]:
    """What does not hang together, in words."""
    for field in ("name", "question"):
        if not isinstance(plan.study.get(field), str):
            yield f"study.{field}: a text is expected"
    yield from _of_cap(plan.study.get("cap"))
    yield from _repeated("workload", [workload.name for workload in plan.workloads])
    yield from _repeated("arm", [(arm.workload, arm.name) for arm in plan.arms])
    if not plan.workloads or not plan.phases:
        yield "a workload and a phase at least are expected"
    yield from (wrong for workload in plan.workloads for wrong in _of_workload(workload))
    yield from (wrong for arm in plan.arms for wrong in _of_arm(arm))
    yield from _of_judgement(plan.judgement)
    yield from _strangers(plan)


def _of_cap(cap: object) -> Iterator[str]:
    """What is wrong with the limits of a study."""
    hours = cap.get("hours") if isinstance(cap, dict) else None
    if not isinstance(cap, dict | None) or not isinstance(hours, int | float | None):
        yield "study.cap: a mapping with a number of hours is expected"


def _repeated(what: str, names: list[str] | list[tuple[str, str]]) -> Iterator[str]:
    """Names that stand twice."""
    if len(set(names)) < len(names):
        yield f"two things are the same {what}"


def _of_workload(workload: Workload) -> Iterator[str]:
    """What is wrong with the numbers of images of a workload."""
    if not workload.validation_ids or min(workload.validation_ids) < 0:
        yield f"workload {workload.name}: ids of validation images are expected"
    if not 0 <= workload.test_images <= MOST_IMAGES:
        yield f"workload {workload.name}: {workload.test_images} test images"


def _of_arm(arm: Arm) -> Iterator[str]:
    """What is wrong with a recipe, as far as it is read without being trained."""
    for section, name, kind in (("budget", "epochs", int), ("model", "name", str), ("data", "name", str)):
        found = arm.recipe.get(section)
        value = found.get(name) if isinstance(found, dict) else None
        if not isinstance(value, kind) or value in (0, ""):
            yield f"arm {arm.name}: {section}.{name}: {'a whole number' if kind is int else 'a text'} is expected"


def _of_judgement(judgement: Judgement) -> Iterator[str]:
    """What is wrong with the numbers that the test is done with."""
    if not all(0.5 <= level < 1 for level in (judgement.level, *judgement.look_levels)):
        yield "judgement: levels between 0.5 and 1 are expected"
    if judgement.margin <= 0 or judgement.time_margin <= 0 or judgement.extensions < 0:
        yield "judgement: margins above zero are expected"
    if any(later <= earlier for earlier, later in pairwise((0, *judgement.looks))):
        yield "judgement: looks at ever more seeds are expected"
    if judgement.look_levels and len(judgement.look_levels) != len(judgement.looks):
        yield "judgement: a level is expected for every look"


def _strangers(plan: Plan) -> Iterator[str]:
    """Arms and workloads that are named and are not there."""
    arms, workloads = {(arm.workload, arm.name) for arm in plan.arms}, {w.name for w in plan.workloads}
    for name in [arm.workload for arm in plan.arms] + list(plan.not_applicable):
        if name not in workloads:
            yield f"no workload is called {name!r}"
    for key in _named_arms(plan):
        if key not in arms:
            yield f"workload {key[0]} has no arm {key[1]!r}"


def _named_arms(plan: Plan) -> Iterable[tuple[str, str]]:
    """The arms that the rest of the plan speaks of, by workload and name."""
    yield from ((workload.name, BASELINE) for workload in plan.workloads)
    yield from ((run.workload, run.arm) for run in plan.runs)
    yield from ((pair.workload, name) for pair in plan.comparisons for name in (pair.arm, pair.comparison))
    yield from ((contrast.workload, name) for contrast in plan.contrasts for name in contrast.weights)
