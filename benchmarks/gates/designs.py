"""Other designs: sums over the cells of a factorial, arms with seeds of their own, interim looks, time."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Literal

import numpy as np

from benchmarks.gates.batch import decide
from benchmarks.gates.gate import Counts
from benchmarks.gates.noise import NOISE, Cell
from trickbag import stats
from trickbag.stats.family import Floats
from trickbag.stats.moderated import Bools, Effects
from trickbag.study.design.weights import ON, Weights, interaction, main_effect, shapley

SMALL = 0.25  # margin, in seed SDs
FACTORS = 3
CELLS = [tuple(ON if on else None for on in cell) for cell in product((0, 1), repeat=FACTORS)]
Spread = Literal["normal", "t3", "stack SD x3", "half of the cells correlated .9"]
LOOKS = (4, 7, 10)
DRIFT, CLOCK_NOISE = 0.02, 0.004  # of log time, from the first lap to the last; SD of a lap


def weights(kind: str) -> Floats:
    """The contrasts of a family [m, cells]."""
    pairs = [(0, 1), (0, 2), (1, 2)]
    found: Sequence[Weights] = {
        "main effects": [main_effect(CELLS, (i, ON)) for i in range(FACTORS)],
        "interactions": [interaction(CELLS, (i, ON), (j, ON)) for i, j in pairs],
        "Shapley shares": [shapley(FACTORS, i) for i in range(FACTORS)],
    }[kind]
    return np.array([[float(row.get(cell, 0)) for cell in CELLS] for row in found])


def contrasts(kind: str, spread: Spread, n: int, rng: np.random.Generator, studies: int) -> Counts:
    """Cells that all have one mean, and cells of random means: claims about the first, coverage of the second."""
    rows, counts = weights(kind), dict.fromkeys(("claim", "lasting", "covered"), 0.0)
    for _ in range(studies):
        table = _cells(spread, n, rng)
        found = stats.cell_effects(table, rows)
        counts |= _with_claims(counts, found, partial(stats.cell_fragile, table, rows))
        means = rng.uniform(-3, 3, len(CELLS))
        moved = stats.cell_effects(_cells(spread, n, rng) + means[:, None], rows)
        counts["covered"] += _covers(moved, rows @ means)
    return counts


def _cells(spread: Spread, n: int, rng: np.random.Generator) -> Floats:
    """Noise of the cells [cells, seeds], the full stack last."""
    noise = NOISE["t3" if spread == "t3" else "normal"](rng, (1, len(CELLS), n))[0]
    if spread == "stack SD x3":
        noise[-1] *= 3
    if spread == "half of the cells correlated .9":
        half = len(CELLS) // 2
        noise[:half] = np.sqrt(0.9) * rng.standard_normal(n) + np.sqrt(0.1) * noise[:half]
    return np.asarray(noise)


def unpaired(cell: Cell, runs: int, rng: np.random.Generator, studies: int) -> Counts:
    """Dunnett's test with `runs` of the baseline: claims where nothing differs, coverage where arms do."""
    counts = dict.fromkeys(("claim", "lasting", "covered"), 0.0)
    sds = np.reshape(cell.sds or (1.0,) * cell.arms, (-1, 1))
    for _ in range(studies):
        first, (arms, baseline) = (_own_seeds(cell, sds, runs, rng) for _ in range(2))
        found = stats.unpaired_effects(*first)
        counts |= _with_claims(counts, found, partial(stats.unpaired_fragile, *first))
        truth = rng.uniform(-3, 3, cell.k)
        moved = stats.unpaired_effects([row + t for row, t in zip(arms, truth, strict=True)], baseline)
        counts["covered"] += _covers(moved, truth)
    return counts


def _own_seeds(cell: Cell, sds: Floats, runs: int, rng: np.random.Generator) -> tuple[list[Floats], Floats]:
    """Accuracies of the arms and of the baseline, which has more runs."""
    noise = NOISE[cell.noise](rng, (1, cell.arms, runs))[0] * sds
    return [row[: cell.n] for row in noise[1:]], noise[0]


def looks(cell: Cell, effect: float, rng: np.random.Generator, studies: int) -> Counts:
    """Interim looks: claims, claims that are not fragile, and seeds used, where every effect is `effect` SDs."""
    levels, counts = stats.look_levels(LOOKS), dict.fromkeys(("claim", "lasting", "found", "seeds"), 0.0)
    correlation = cell.correlation
    effects = np.zeros((studies, cell.arms))
    effects[:, 1:] = effect * cell.unit
    for rows in zip(*cell.rows(effects, rng), strict=True):
        judged = stats.judge_looks(rows, LOOKS, levels, SMALL, correlation)
        claims = np.isin(judged.verdicts, ("better", "better but small", "worse"))
        if claims.any():
            flags = stats.fragile_looks(rows, judged, LOOKS, levels, SMALL, correlation)
            counts["lasting"] += (claims & ~flags).any()
        counts["claim"] += claims.any()
        counts["found"] += (claims & (judged.effects.effect > 0)).mean()
        counts["seeds"] += judged.seeds.mean()
    return counts


def time(k: int, rounds: int, rng: np.random.Generator, studies: int) -> Counts:
    """Log seconds of equally fast arms, in a random order within each round, on a machine that slows down."""
    laps = rounds * (k + 1)
    slots = np.argsort(rng.random((studies, rounds, k + 1)), axis=-1) + (k + 1) * np.arange(rounds)[:, None]
    log_seconds = DRIFT * slots / laps + CLOCK_NOISE * rng.standard_normal(slots.shape)
    rows = [log_seconds[..., i] - log_seconds[..., 0] for i in range(1, k + 1)]
    found = decide(rows, np.zeros((studies, k)), float(np.log1p(DRIFT)), Cell(k=k).correlation)
    return {"claim": float(found.claims.any(-1).sum()), "covered": float(found.covered.all(-1).sum())}


def _with_claims(
    counts: Counts, found: Effects, fragile: Callable[[list[stats.Verdict], float], Bools]
) -> Counts:
    """The counts, with a study's claims and those of them that are not fragile."""
    words = stats.verdicts(found, SMALL)
    claims = (found.low > 0) | (found.high < 0)
    lasting = claims.any() and (claims & ~fragile(words, SMALL)).any()
    return {"claim": counts["claim"] + claims.any(), "lasting": counts["lasting"] + lasting}


def _covers(found: Effects, truth: Floats) -> bool:
    """Whether all intervals hold their true contrasts."""
    return bool(((found.low <= truth) & (truth <= found.high)).all())
