"""Families of comparisons: false claims, coverage, false smallness and power, one factor varied at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from benchmarks.gates.batch import decide
from benchmarks.gates.gate import Counts, Gate, Scenario, nominal, proportion
from benchmarks.gates.noise import Cell
from trickbag.stats.family import Floats
from trickbag.stats.price import difference_power

LIMIT = 0.06  # of false claims that are not fragile, where the assumptions do not hold
SEEDS_FOR_CLAIMS = 5
SMALL, MARGIN, EFFECT = 0.25, 3.0, 2.0  # margins and the planted effect, in seed SDs
REAL = 3  # arms that do something, where power is measured
BASE = Cell()

CELLS: dict[str, Cell] = {
    "base: 10 arms, 5 seeds, normal": BASE,
    "t3 noise": Cell(noise="t3"),
    "10 % bad seeds (-4 SD)": Cell(noise="bad seeds"),
    "one arm SD x3": Cell(sds=(1, 3, *[1] * 9)),
    "baseline SD x3": Cell(sds=(3, *[1] * 10)),
    "graded SDs .5 to 2": Cell(sds=(1, *np.linspace(0.5, 2, 10))),
    "SD ratio 1:3 in halves": Cell(sds=(1, *[1] * 5, *[3] * 5)),
    "seed correlation .3": Cell(rho=0.3),
    "seed correlation .6": Cell(rho=0.6),
    "seed correlation .9": Cell(rho=0.9),
    "mixed seed correlations": Cell(rho="mixed"),
    "3 seeds": Cell(n=3),
    "8 seeds": Cell(n=8),
    "10 seeds": Cell(n=10),
    "1 arm": Cell(k=1),
    "2 arms": Cell(k=2),
    "3 arms": Cell(k=3),
    "5 arms": Cell(k=5),
    "20 arms": Cell(k=20),
    "an arm in three lost a seed": Cell(lost=1),
    "one arm lost two seeds, others one": Cell(lost=2),
    "ties: 1000 images, SD .1 points": Cell(images=1000, unit=0.1),
    "ties: 719 images, SD .15 points": Cell(images=719, unit=0.15),
    "ties: 1000 images, SD .03 points": Cell(images=1000, unit=0.03),
    "half of the arms repeat the baseline": Cell(noise="copies", images=1000, unit=0.3),
    "no noise at all": Cell(images=1000, sds=(0,) * 11),
    "bits of 1000 images": Cell(noise="bits", images=1000),
    "each against the one before": Cell(design="previous"),
    "all pairs of 5 arms": Cell(design="all pairs"),
    "baseline SD x3, 3 arms": Cell(k=3, sds=(3, 1, 1, 1)),
    "baseline SD x3, 5 arms": Cell(k=5, sds=(3, 1, 1, 1, 1, 1)),
    "graded SDs, 20 arms": Cell(k=20, sds=(1, *np.linspace(0.5, 2, 20))),
    "graded SDs, 10 seeds": Cell(n=10, sds=(1, *np.linspace(0.5, 2, 10))),
    "SDs 1, 1/3, 3, 3 (a search's worst)": Cell(k=3, sds=(1, 1 / 3, 3, 3)),
    "no arm in common, SDs 3, 3, 1": Cell(k=3, design="disjoint", sds=(3, 3, 3, 3, 1, 1)),
}
# Normal noise with one variance is all that the method assumes. Twenty arms are conservative: what they
# borrow from each other is limited by the comparison that they share.
EXACT = {
    name
    for name, cell in CELLS.items()
    if cell.noise == "normal" and not cell.sds and not cell.images and cell.rho != "mixed" and cell.k < 20
}


def null(cell: Cell, rng: np.random.Generator, studies: int) -> Counts:
    """Nothing differs: studies with a claim, and with one that is not fragile."""
    effects = np.zeros((studies, cell.arms))
    found = decide(cell, effects, SMALL * cell.unit, rng)
    lasting = found.claims & ~found.fragile
    return {"claim": found.claims.any(-1).sum(), "lasting": lasting.any(-1).sum()}


def shifted(cell: Cell, rng: np.random.Generator, studies: int) -> Counts:
    """Every arm differs by the margin exactly, up or down; the margin is large and drawn at random."""
    margin = cell.unit * float(rng.integers(8, 16))
    found = decide(cell, _at_margin(cell, margin, rng, studies), margin, rng)
    return {
        "covered": found.covered.mean(-1).sum(),
        "all covered": found.covered.all(-1).sum(),
        "small": np.isin(found.words, ("equivalent", "better but small")).any(-1).sum(),
    }


def at_margin(cell: Cell, rng: np.random.Generator, studies: int) -> Counts:
    """The same with a margin of three SDs, where "equivalent" is within reach."""
    margin = MARGIN * cell.unit
    found = decide(cell, _at_margin(cell, margin, rng, studies), margin, rng)
    return {
        "equivalent": (found.words == "equivalent").any(-1).sum(),
        "better but small": (found.words == "better but small").any(-1).sum(),
    }


def real(cell: Cell, rng: np.random.Generator, studies: int) -> Counts:
    """Some arms gain two SDs: the share of them found, and false claims about the others."""
    effects = np.zeros((studies, cell.arms))
    effects[:, 1 : 1 + REAL] = EFFECT * cell.unit
    found = decide(cell, effects, SMALL * cell.unit, rng)
    planted, lasting = cell.truth(effects) > 0, found.claims & ~found.fragile
    right = planted & (found.words != "worse")
    return {
        "found": (found.claims & right).sum() / planted[0].sum(),
        "found lasting": (lasting & right).sum() / planted[0].sum(),
        "false": (found.claims & ~right).any(-1).sum(),
        "false lasting": (lasting & ~right).any(-1).sum(),
    }


def _at_margin(cell: Cell, margin: float, rng: np.random.Generator, studies: int) -> Floats:
    """Effects [R, arms] of plus or minus the margin, none of the baseline."""
    effects = rng.choice((-margin, margin), (studies, cell.arms))
    effects[:, 0] = 0.0
    return effects
