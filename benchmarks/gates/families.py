"""Families of comparisons: false claims, coverage, false smallness and power, one factor varied at a time."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.gates.batch import Decisions, decide
from benchmarks.gates.gate import Counts
from benchmarks.gates.noise import Cell
from trickbag.stats.family import Floats
from trickbag.stats.moderated import Bools

SMALL, MARGIN, EFFECT = 0.25, 3.0, 2.0  # margins and the planted effect, in seed SDs
REAL = 3  # arms that do something, where power is measured

CELLS: dict[str, Cell] = {
    "10 arms, 5 seeds, normal noise (base)": Cell(),
    "t3 noise": Cell(noise="t3"),
    "10 % bad seeds (-4 SD)": Cell(noise="bad seeds"),
    "one arm SD x3": Cell(sds=(1, 3, *[1] * 9)),
    "baseline SD x3": Cell(sds=(3, *[1] * 10)),
    "graded SDs .5 to 2": Cell(sds=(1, *np.linspace(0.5, 2, 10))),
    "SD ratio 1:3 in halves": Cell(sds=(1, *[1] * 5, *[3] * 5)),
    "seed correlation .3": Cell(rho=0.3),
    "seed correlation .6": Cell(rho=0.6),
    "seed correlation .9": Cell(rho=0.9),
    "mixed seed correlations (.9, one arm 0)": Cell(rho="mixed"),
    "3 seeds": Cell(n=3),
    "8 seeds": Cell(n=8),
    "10 seeds": Cell(n=10),
    "1 arm": Cell(k=1),
    "2 arms": Cell(k=2),
    "3 arms": Cell(k=3),
    "5 arms": Cell(k=5),
    "20 arms": Cell(k=20),
    "4 arms of 10 lost a seed": Cell(lost=1),
    "4 arms of 10 lost a seed, one of them two": Cell(lost=2),
    "ties: 1000 images, SD .1 points": Cell(images=1000, unit=0.1),
    "ties: 719 images, SD .15 points": Cell(images=719, unit=0.15),
    "ties: 1000 images, SD .03 points": Cell(images=1000, unit=0.03),
    "half of the arms repeat the baseline": Cell(noise="copies", images=1000, unit=0.3),
    "no noise at all": Cell(images=1000, sds=(0.0,) * 11),
    "bits of 4000 images": Cell(noise="bits", images=4000, unit=0.75),
    "each arm against the one before": Cell(design="previous"),
    "all pairs of 5 arms": Cell(design="all pairs"),
    "baseline SD x3, 3 arms": Cell(k=3, sds=(3, 1, 1, 1)),
    "baseline SD x3, 5 arms": Cell(k=5, sds=(3, 1, 1, 1, 1, 1)),
    "graded SDs, 20 arms": Cell(k=20, sds=(1, *np.linspace(0.5, 2, 20))),
    "graded SDs, 10 seeds": Cell(n=10, sds=(1, *np.linspace(0.5, 2, 10))),
    "worst of a search: SDs 1/3, 3, 3, baseline 1": Cell(k=3, sds=(1, 1 / 3, 3, 3)),
    "worst of a search: 3 disjoint pairs, SDs 3, 3, 1": Cell(k=3, design="disjoint", sds=(3, 3, 3, 3, 1, 1)),
}


def null(cell: Cell, rng: np.random.Generator, studies: int) -> Counts:
    """Nothing differs: studies with a claim, and with one that is not fragile."""
    effects = np.zeros((studies, cell.arms))
    found, _ = _study(cell, effects, SMALL * cell.unit, rng)
    return {"claim": _any(found.claims), "lasting": _any(found.claims & ~found.fragile)}


def shifted(cell: Cell, rng: np.random.Generator, studies: int) -> Counts:
    """Every arm gains a margin drawn at random, so large that it is a claim for certain."""
    margin = _on_grid(cell, cell.unit * float(rng.uniform(8, 16)))
    effects = np.full((studies, cell.arms), margin)
    effects[:, 0] = 0.0
    found, truth = _study(cell, effects, margin, rng)
    small = np.isin(found.words, ("equivalent", "better but small"))
    return {
        "covered": float(found.covered.mean(-1).sum()),
        "all covered": float(found.covered.all(-1).sum()),
        "small": _any(small & (np.abs(truth) > 0.5 * margin)),
    }


def at_margin(cell: Cell, rng: np.random.Generator, studies: int) -> Counts:
    """Every arm differs by a margin of three SDs, up or down, where "equivalent" is within reach."""
    margin = _on_grid(cell, MARGIN * cell.unit)
    effects = rng.choice((-margin, margin), (studies, cell.arms))
    effects[:, 0] = 0.0
    found, truth = _study(cell, effects, margin, rng)
    large = np.abs(truth) > 0.5 * margin
    return {
        "equivalent": _any((found.words == "equivalent") & large),
        "better but small": _any((found.words == "better but small") & large),
    }


def real(cell: Cell, rng: np.random.Generator, studies: int) -> Counts:
    """Some arms gain two SDs: the share of true differences found, and false claims or directions elsewhere."""
    effects = np.zeros((studies, cell.arms))
    effects[:, 1 : 1 + REAL] = _on_grid(cell, EFFECT * cell.unit)
    found, truth = _study(cell, effects, SMALL * cell.unit, rng)
    direction = np.where(found.words == "worse", -1, 1)
    right = found.claims & (direction == np.sign(truth))
    true = (truth != 0).sum(-1)
    return {
        "found": float((right.sum(-1) / true).sum()),
        "found lasting": float(((right & ~found.fragile).sum(-1) / true).sum()),
        "false": _any(found.claims & ~right),
        "false lasting": _any(found.claims & ~right & ~found.fragile),
    }


def _study(
    cell: Cell, effects: Floats, margin: float, rng: np.random.Generator
) -> tuple[Decisions, NDArray[np.float64]]:
    """The decisions about studies with these effects of the arms [R, arms], and the true contrasts [R, k]."""
    truth = cell.truth(effects)
    rows = cell.rows(effects, rng)
    return decide(rows, truth, margin, cell.correlation, resolution=cell.resolution), truth


def _on_grid(cell: Cell, effect: float) -> float:
    """An effect in whole images where accuracies are: other means could not be kept by rounding."""
    if cell.images is None or cell.noise == "bits":
        return effect
    return float(np.ceil(effect / cell.resolution) * cell.resolution)


def _any(flags: Bools) -> float:
    """In how many studies at least one contrast is marked."""
    return float(flags.any(-1).sum())
