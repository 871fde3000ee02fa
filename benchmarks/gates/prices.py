"""Is "about N more seeds" right? Studies re-simulated at the price, where the estimate is the truth."""

from math import sqrt

import numpy as np

from benchmarks.gates.batch import decide
from benchmarks.gates.gate import Counts
from benchmarks.gates.noise import Cell
from trickbag import stats
from trickbag.stats.family import family_level
from trickbag.stats.moderated import moderated_t

PILOT = 400  # studies that tell the degrees of freedom that contrasts of so many seeds have


def priced(k: int, n: int, effect: float, margin: float, rng: np.random.Generator, studies: int) -> Counts:
    """One arm of k has `effect` (in seed SDs): the share of studies settled with the seeds of the price.

    The price is that of an undecided contrast at n seeds whose estimate is the true effect and whose standard
    error is the true one; its degrees of freedom are the median of those that n seeds give, and its level theirs.
    """
    pilot = Cell(k=k, n=n)
    rows = pilot.rows(np.zeros((PILOT, pilot.arms)), np.random.default_rng(0))
    df = float(np.median(moderated_t(rows, pilot.correlation)[2]))
    alpha = family_level(np.full(k, df), correlation=pilot.correlation)
    cost = stats.price(effect, sqrt(2 / n), n, k, margin, df, alpha=alpha)
    assert cost.seeds is not None
    cell = Cell(k=k, n=cost.seeds)
    effects = np.zeros((studies, cell.arms))
    effects[:, 1] = effect
    found = decide(cell.rows(effects, rng), cell.truth(effects), margin, cell.correlation)
    settled = ("better", "better but small") if cost.by == "difference" else ("equivalent",)
    return {"settled": float(np.isin(found.words[:, 0], settled).sum()), "seeds": float(studies * cost.seeds)}
