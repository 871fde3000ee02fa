"""The baseline trained for other durations: what a gain in accuracy is worth in training time."""

from pathlib import Path

from trickbag.errors import InputError
from trickbag.recipe import Recipe, apply, diff, validate
from trickbag.records.plan import Arm
from trickbag.study.schema import Study
from trickbag.train import resolve


def duration_arms(baseline: Arm, study: Study, base: Path) -> list[Arm]:
    """The baseline with `budget.epochs` multiplied, rounded and at least one, once for each of `durations`.

    Schedules follow as far as their durations are written in percent; milestones in epochs stay where they are.
    InputError: a factor that is not positive, or that gives an epoch count which is there already.
    """
    recipe = validate(Recipe, baseline.recipe)
    epochs, found = recipe.budget.epochs, list[Arm]()
    taken = {epochs: "the baseline"}
    for factor in study.durations:
        longer = max(1, round(epochs * factor)) if factor > 0 else 0
        if not longer:
            raise InputError(f"durations: {factor:g} is no duration; give positive factors, like 0.5 and 2")
        if longer in taken:
            raise InputError(
                f"durations: x{factor:g} trains {longer} epochs, as {taken[longer]} does; choose another factor"
            )
        taken[longer] = f"x{factor:g}"
        where = f"durations: x{factor:g}"
        full = resolve(apply(recipe, {"budget.epochs": longer}, where), study.machine, base).recipe
        identity = {
            "name": f"{baseline.name} x{factor:g}",
            "role": "duration",
            "times_longer": longer / epochs,
        }
        changes = {"fingerprint": full.fingerprint(), "recipe": full.plain(), "diff": diff(recipe, full)}
        found.append(baseline.model_copy(update=identity | changes))
    return found
