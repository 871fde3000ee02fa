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
BORROW_FROM = 2  # contrasts; no more than these stay plain paired t
FEWEST = 0.04  # error below which the method would be needlessly conservative


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


def error_band(cell: Cell, studies: int) -> tuple[float, float]:
    """The band of the family-wise error where nothing differs.

    One or two contrasts have nothing to borrow from: paired t tests, whose error is the nominal one. Three and
    more borrow from each other, and what they share is counted as if it were independent (`family_level`),
    which is conservative: .0395 to .0494 in eleven designs of 10,000 studies; `FEWEST` notices when it becomes
    too conservative. Three seeds are for screening, not claims.
    """
    if not assumed(cell) or cell.n < SEEDS_FOR_CLAIMS:
        return -inf, inf
    three = three_se(ALPHA, studies)
    return (ALPHA - three if cell.k <= BORROW_FROM else FEWEST - three_se(FEWEST, studies)), ALPHA + three


def _false(name: str, cell: Cell, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Family-wise error of claims and of claims that are not fragile."""
    band = error_band(cell, studies)
    limit = LIMIT if cell.n >= SEEDS_FOR_CLAIMS else inf
    return [
        Gate(FALSE, name, "any claim", *proportion(counts["claim"], studies), *band),
        Gate(
            FALSE, name, "any claim that is not fragile", *proportion(counts["lasting"], studies), high=limit
        ),
    ]


def _coverage(name: str, cell: Cell, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Coverage of all intervals at once and of each by itself, and false smallness under a large margin."""
    low, high = error_band(cell, studies)
    together, each, small = (1 - high, 1 - low), 1 - high, high
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
    _, high = error_band(cell, studies)
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
    chance = three_se(LIMIT, studies) if studies < 10_000 else 0.0
    limit = LIMIT + chance if cell.n >= SEEDS_FOR_CLAIMS else inf
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
