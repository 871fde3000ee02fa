"""From an arm of the plan to what can be trained here, which must be the very same."""

from pathlib import Path

from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, validate
from trickbag.records.plan import Arm, Plan
from trickbag.train import Resolved, resolve


def resolve_planned(folder: Path, plan: Plan, arm: Arm, fingerprint: str, machine: Machine) -> Resolved:
    """An arm's recipe, resolved in the study's folder.

    Raises InputError where recipe or images are not those of the plan.
    """
    resolved = resolve(validate(Recipe, arm.recipe), machine, folder)
    if resolved.recipe.fingerprint() != fingerprint:
        raise InputError(
            f"arm {arm.name}: the resolved recipe is not the planned one: has trickbag or a file of yours changed?"
        )
    workload = next(w for w in plan.workloads if w.name == arm.workload)
    if resolved.validation_ids.tolist() != list(workload.validation_ids):
        raise InputError(f"arm {arm.name}: the validation split is not the planned one")
    return resolved
