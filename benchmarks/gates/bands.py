"""The gates of families of comparisons: which bands hold where, and why."""

from collections.abc import Mapping
from functools import partial
from math import inf, sqrt

from benchmarks.gates.families import CELLS, EFFECT, at_margin, null, real, shifted
from benchmarks.gates.gate import ALPHA, LIMIT, Gate, Scenario, proportion, three_se
from benchmarks.gates.noise import Cell
from trickbag.stats.price import difference_power

FALSE = "False claims: nothing differs"
COVERAGE = "Coverage: every arm differs by a random amount"
SMALLNESS = "False smallness: every effect is exactly the margin"
POWER = "Power: three arms gain two seed SDs"

SEEDS_FOR_CLAIMS = 5


def scenarios() -> list[Scenario]:
    """Every cell, null, shifted, at the margin and with real effects."""
    found = []
    for name, cell in CELLS.items():
        power_share = 1.0 if cell.k == 1 else 0.25  # printed only, and the slowest: many decisions are close
        found += [
            Scenario(f"null: {name}", partial(null, cell), partial(_false, name, cell)),
            Scenario(f"shifted: {name}", partial(shifted, cell), partial(_coverage, name, cell)),
            Scenario(f"margin: {name}", partial(at_margin, cell), partial(_smallness, name, cell), 0.25),
            Scenario(f"real: {name}", partial(real, cell), partial(_power, name, cell), power_share),
        ]
    return found


def assumed(cell: Cell) -> bool:
    """Whether normal noise of one variance, all that the method assumes, is what the cell has."""
    return cell.noise == "normal" and not cell.sds and not cell.images and cell.rho != "mixed"


def exact(cell: Cell) -> bool:
    """Whether the error should be the nominal one and not only below it.

    Three seeds are for screening, not claims. With twenty arms the method is conservative: what contrasts may
    borrow from each other is limited by the comparison that they share.
    """
    return assumed(cell) and cell.k < 20 and cell.n >= SEEDS_FOR_CLAIMS


def _false(name: str, cell: Cell, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Family-wise error of claims and of claims that are not fragile."""
    band = (-inf, inf)
    if exact(cell):
        band = (ALPHA - three_se(ALPHA, studies), ALPHA + three_se(ALPHA, studies))
    limit = LIMIT if cell.n >= SEEDS_FOR_CLAIMS else inf
    return [
        Gate(FALSE, name, "any claim", *proportion(counts["claim"], studies), *band),
        Gate(
            FALSE, name, "any claim that is not fragile", *proportion(counts["lasting"], studies), high=limit
        ),
    ]


def _coverage(name: str, cell: Cell, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Coverage of all intervals at once and of each by itself, and false smallness under a large margin."""
    together, each = (-inf, inf), -inf
    if exact(cell):
        together = (1 - ALPHA - three_se(ALPHA, studies), 1 - ALPHA + three_se(ALPHA, studies))
        each = together[0]
    small = ALPHA + three_se(ALPHA, studies) if exact(cell) else inf
    return [
        Gate(COVERAGE, name, "all intervals", *proportion(counts["all covered"], studies), *together),
        Gate(COVERAGE, name, "each interval", *proportion(counts["covered"], studies), low=each),
        Gate(
            SMALLNESS,
            f"{name}; margin of 8 to 16 SDs",
            "any effect called small",
            *proportion(counts["small"], studies),
            high=small,
        ),
    ]


def _smallness(name: str, cell: Cell, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """False "equivalent" and "better but small" at a margin of three SDs."""
    high = ALPHA + three_se(ALPHA, studies) if exact(cell) else inf
    return [
        Gate(
            SMALLNESS,
            f"{name}; margin of 3 SDs",
            f"any “{word}”",
            *proportion(counts[word], studies),
            high=high,
        )
        for word in ("equivalent", "better but small")
    ]


def _power(name: str, cell: Cell, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Power; that of a single contrast is the noncentral t's."""
    band = (-inf, inf)
    if cell.k == 1:
        known = difference_power(EFFECT * sqrt(cell.n / 2), cell.n - 1, ALPHA)
        band = (known - three_se(known, studies), known + three_se(known, studies))
    limit = LIMIT if cell.n >= SEEDS_FOR_CLAIMS and studies >= 10_000 else inf
    return [
        Gate(POWER, name, "share found", *proportion(counts["found"], studies), *band),
        Gate(POWER, name, "share found, not fragile", *proportion(counts["found lasting"], studies)),
        Gate(
            POWER,
            name,
            "any false claim that is not fragile",
            *proportion(counts["false lasting"], studies),
            high=limit,
        ),
    ]
