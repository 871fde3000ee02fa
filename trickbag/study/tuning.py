"""Fair tuning (level T1): the same number of quasi-random points for every arm and for what it is compared with."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from trickbag.errors import InputError
from trickbag.recipe import Recipe, Trick, apply, diff, leaves, validate
from trickbag.records.plan import Arm, Ledger
from trickbag.study.runs import distinct
from trickbag.study.schema import Study, Tune
from trickbag.study.stages import TUNE_SEEDS
from trickbag.train import resolve

Space = Mapping[str, tuple[float, float]]  # field -> range of factors on the arm's own value
USUAL: Space = {"optimizer.lr": (0.25, 4.0), "optimizer.weight_decay": (0.25, 4.0)}
DIGITS = 6  # significant, of a tuned value: enough to tell any two points apart, and readable


def unit_points(count: int, dimensions: int) -> NDArray[np.float64]:
    """Quasi-random points [count, dimensions] in the unit cube, the same for every arm: a scrambled Halton sequence.

    Owen (2017), "A randomized Halton algorithm in R", arXiv 1706.02808, as scipy has it. Halton, unlike Sobol, is
    balanced for any number of points.
    """
    points = scipy.stats.qmc.Halton(dimensions, scramble=True, rng=0).random(count)
    return np.asarray(points, dtype=np.float64)


def candidates(
    arms: Sequence[Arm], study: Study, base: Path, tricks: Mapping[str, Sequence[Trick]]
) -> list[Arm]:
    """The points of every distinct arm of one workload, the baseline among them, as arms `NAME@1` and on.

    Point 0 is the arm itself. `tricks`: those of each arm, which say where it is searched if the study does not.
    InputError: a range or a field that cannot be tuned, or an arm without any.
    """
    tune = study.tune
    if tune is None:
        return []
    spaces = {arm.name: tune.space or space_of(tricks[arm.name]) for arm in arms}
    for name, space in spaces.items():
        _check_space("tune.space" if tune.space else f"tune: arm {name}", space, arms)
    return [
        point
        for arm in distinct(arms)
        for point in _points(arm, arms[0], tune, spaces[arm.name], study, base)
    ]


def space_of(tricks: Sequence[Trick]) -> Space:
    """Where an arm is searched by default: where its tricks say, together, and in the usual place.

    The usual place is left out where a trick names a field of the optimizer, which is then searched as it says.
    An arm whose trick only names its own strength (SAM's rho) would else keep the rate at which the baseline
    started, and be judged against a baseline with a tuned one.
    """
    found = {path: bounds for trick in tricks for path, bounds in trick.space.items()}
    return found if any(path.startswith("optimizer.") for path in found) else {**USUAL, **found}


def _points(arm: Arm, baseline: Arm, tune: Tune, searched: Space, study: Study, base: Path) -> list[Arm]:
    """The points of one arm, resolved; a field without a positive value in it is left out."""
    recipe, reference = validate(Recipe, arm.recipe), validate(Recipe, baseline.recipe)
    own = {path: value for path, value in leaves(arm.recipe) if path in searched and _tunable(value)}
    if not own:
        fields = ", ".join(searched)
        raise InputError(
            f"tune.space: arm {arm.name} has no positive value of {fields}; name a field to tune"
        )
    seeds = tuple(range(TUNE_SEEDS, TUNE_SEEDS + tune.seeds))
    space = {path: searched[path] for path in sorted(own)}
    found = []
    for i, unit in enumerate(unit_points(tune.points - 1, len(searched)), 1):
        factors = {path: _factor(searched[path], u) for path, u in zip(sorted(searched), unit, strict=True)}
        chosen = {path: _value(own[path], factors[path]) for path in space}
        full = resolve(apply(recipe, chosen, f"tune: arm {arm.name}"), study.machine, base).recipe
        ledger = Ledger(level="T1", points=tune.points, seeds=seeds, space=space, chosen=chosen)
        identity = {
            "name": f"{arm.name}@{i}",
            "role": "candidate",
            "candidate_of": arm.name,
            "ledger": ledger,
        }
        changes = {"fingerprint": full.fingerprint(), "recipe": full.plain(), "diff": diff(reference, full)}
        found.append(arm.model_copy(update=identity | changes))
    return found


def _factor(bounds: tuple[float, float], unit: float) -> float:
    """A factor between the bounds, on a log scale."""
    low, high = bounds
    return float(low * (high / low) ** unit)


def _value(own: float, factor: float) -> float:
    """A value to a few digits; whole numbers stay whole."""
    return max(1, round(own * factor)) if isinstance(own, int) else float(f"{own * factor:.{DIGITS}g}")


def _tunable(value: object) -> bool:
    """Whether a field's value can be multiplied."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _check_space(where: str, space: Space, arms: Sequence[Arm]) -> None:
    """Refuse ranges that are none, and fields that no arm has."""
    known = {path for arm in arms for path, _ in leaves(arm.recipe)}
    for path, (low, high) in space.items():
        if not 0 < low < high:
            raise InputError(f"{where}.{path}: [{low:g}, {high:g}] is no range of factors; write [0.25, 4]")
        if path.startswith("data."):
            raise InputError(f"{where}: {path} decides which images are used; it cannot be tuned")
        if path not in known:
            raise InputError(f"{where}: no arm has a field {path!r}; name one that a recipe prints")
