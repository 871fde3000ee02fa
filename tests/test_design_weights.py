"""Contrast weights against statsmodels, brute force and hand arithmetic; fractions against textbooks."""

from collections import Counter
from fractions import Fraction
from itertools import combinations, permutations, product

import numpy as np
import pytest
import statsmodels.api as sm
from pyDOE3 import fracfact, fracfact_by_res

from trickbag.study.design.fraction import aliases, defining_words, describe, fraction, resolution_of
from trickbag.study.design.weights import (
    ON,
    Cell,
    Weights,
    chains,
    fraction_effect,
    interaction,
    main_effect,
    sampled_shapley,
    shapley,
)


def cells(*levels: list[str | None]) -> list[Cell]:
    return list(product(*levels))


def two_level(k: int) -> list[Cell]:
    return cells(*[[None, ON]] * k)


def value(weights: Weights, accuracy: dict[Cell, float]) -> float:
    return sum(float(weight) * accuracy[cell] for cell, weight in weights.items())


def total(parts: list[Weights]) -> dict[Cell, Fraction]:
    """The sum of contrasts, cells without weight left out."""
    found: Counter[Cell] = Counter()
    for weights in parts:
        for cell, weight in weights.items():
            found[cell] += weight
    return {cell: weight for cell, weight in found.items() if weight}


def simulated(found: list[Cell], seed: int) -> tuple[np.ndarray, np.ndarray, dict[Cell, float]]:
    """Signs [3 n, k] and accuracies [3 n] of three runs per cell, and each cell's mean."""
    signs = np.array([[1 if level else -1 for level in cell] for cell in found]).repeat(3, axis=0)
    y = np.random.default_rng(seed).normal(90, 2, len(signs))
    return signs, y, dict(zip(found, y.reshape(-1, 3).mean(axis=1), strict=True))


def coefficient(signs: np.ndarray, y: np.ndarray, term: tuple[int, ...], order: int) -> float:
    """OLS coefficient of a product of factors, in the model with all products up to that order."""
    k = signs.shape[1]
    terms = [t for r in range(order + 1) for t in combinations(range(k), r)]
    design = np.stack([signs[:, t].prod(axis=1) for t in terms], axis=1)
    return float(sm.OLS(y, design).fit().params[terms.index(term)])


@pytest.mark.parametrize("factor", [0, 1, 2])
def test_main_effects_of_a_full_factorial_are_those_of_least_squares(factor: int) -> None:
    """In -1/+1 coding the main effect is twice the coefficient (Box, Hunter and Hunter, chapter 5)."""
    signs, y, means = simulated(two_level(3), seed=1)
    ours = value(main_effect(two_level(3), (factor, ON)), means)
    assert ours == pytest.approx(2 * coefficient(signs, y, (factor,), 3), abs=1e-10)


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2)])
def test_interactions_of_a_full_factorial_are_those_of_least_squares(pair: tuple[int, int]) -> None:
    signs, y, means = simulated(two_level(3), seed=2)
    ours = value(interaction(two_level(3), (pair[0], ON), (pair[1], ON)), means)
    assert ours == pytest.approx(4 * coefficient(signs, y, pair, 3), abs=1e-10)


def test_an_interaction_by_hand() -> None:
    """Alone +1 and +2, together +5: they bring 2 beyond their sum; y(both) - y(a) - y(b) + y(none)."""
    accuracy = {(None, None): 90.0, (ON, None): 91.0, (None, ON): 92.0, (ON, ON): 95.0}
    weights = interaction(list(accuracy), (0, ON), (1, ON))
    assert weights == {(None, None): 1, (ON, None): -1, (None, ON): -1, (ON, ON): 1}
    assert value(weights, accuracy) == 2
    assert value(main_effect(list(accuracy), (0, ON)), accuracy) == (1 + 3) / 2


def test_levels_are_set_against_off_in_every_setting_of_the_others() -> None:
    """Schedule off, cosine or poly times mixup: cosine against off without mixup and with it."""
    found = cells([None, "cosine", "poly"], [None, ON])
    half = Fraction(1, 2)
    assert main_effect(found, (0, "cosine")) == {
        ("cosine", None): half,
        ("cosine", ON): half,
        (None, None): -half,
        (None, ON): -half,
    }
    third = Fraction(1, 3)
    assert main_effect(found, (1, ON)) == {c: third if c[1] else -third for c in found}


def test_dropped_cells_leave_the_settings_that_have_both() -> None:
    """Scaling (1) cannot be without the batch (0): its effect is seen with the batch on, the batch's without it."""
    found = [c for c in two_level(3) if not (c[1] and not c[0])]
    half = Fraction(1, 2)
    assert main_effect(found, (1, ON)) == {
        (ON, ON, None): half,
        (ON, ON, ON): half,
        (ON, None, None): -half,
        (ON, None, ON): -half,
    }
    assert {c[1] for c in main_effect(found, (0, ON))} == {None}
    assert len(main_effect(found, (2, ON))) == 6
    assert interaction(found, (0, ON), (1, ON)) == {}
    assert main_effect([(None, None), (None, ON)], (0, ON)) == {}


@pytest.mark.parametrize("k", [2, 3, 4])
def test_shapley_is_the_average_over_all_orders(k: int) -> None:
    """Brute force: walk all k! orders and average what the factor adds when its turn comes."""
    _, _, accuracy = simulated(two_level(k), seed=k)
    for factor in range(k):
        gains = []
        for order in permutations(range(k)):
            before = order[: order.index(factor)]
            without = tuple(ON if i in before else None for i in range(k))
            withal = tuple(ON if i in before or i == factor else None for i in range(k))
            gains.append(accuracy[withal] - accuracy[without])
        assert value(shapley(k, factor), accuracy) == pytest.approx(np.mean(gains), abs=1e-10)


@pytest.mark.parametrize("k", [2, 4, 6])
def test_shapley_values_sum_exactly_to_the_stack(k: int) -> None:
    assert total([shapley(k, i) for i in range(k)]) == {(ON,) * k: 1, (None,) * k: -1}


def test_sampled_orders_telescope_exactly() -> None:
    rng = np.random.default_rng(0)
    orders = [rng.permutation(7).tolist() for _ in range(5)]
    parts = [sampled_shapley(orders, i) for i in range(7)]
    assert total(parts) == {(ON,) * 7: 1, (None,) * 7: -1}
    assert {cell for weights in parts for cell in weights} <= chains(orders)
    assert len(chains(orders)) <= 2 + 5 * 6


def test_all_orders_sampled_once_are_the_exact_values() -> None:
    for factor in range(4):
        assert sampled_shapley(list(permutations(range(4))), factor) == shapley(4, factor)


def test_one_order_is_the_cumulative_stack() -> None:
    """Order b, a, c: a adds stack(b, a) - stack(b); the chain has four cells."""
    assert sampled_shapley([(1, 0, 2)], 0) == {(ON, ON, None): 1, (None, ON, None): -1}
    assert chains([(1, 0, 2)]) == {
        (None, None, None),
        (None, ON, None),
        (ON, ON, None),
        (ON, ON, ON),
    }


def test_effects_of_a_resolution_v_fraction_are_those_of_least_squares() -> None:
    matrix = fraction(5, 5)
    found = [tuple(ON if v > 0 else None for v in row) for row in matrix]
    signs, y, means = simulated(found, seed=3)
    for i in range(5):
        expected = 2 * coefficient(signs, y, (i,), 2)
        assert value(fraction_effect(found, (i,)), means) == pytest.approx(expected, abs=1e-10)
    for pair in combinations(range(5), 2):
        expected = 4 * coefficient(signs, y, pair, 2)
        assert value(fraction_effect(found, pair), means) == pytest.approx(expected, abs=1e-10)


def test_a_fraction_finds_the_effects_that_were_put_in() -> None:
    """Additive effects 1, 2, 3, 4, 5 (0/1 coding) and 6 for the pair (0, 4): main effects 1 + 3, 2, 3, 4, 5 + 3."""
    found = [tuple(ON if v > 0 else None for v in row) for row in fraction(5, 5)]
    gains = (1, 2, 3, 4, 5)
    accuracy = {
        c: 80 + sum(g for g, level in zip(gains, c, strict=True) if level) + 6 * bool(c[0] and c[4])
        for c in found
    }
    effects = [value(fraction_effect(found, (i,)), accuracy) for i in range(5)]
    assert effects == pytest.approx([4, 2, 3, 4, 8])
    assert value(fraction_effect(found, (0, 4)), accuracy) == pytest.approx(6)
    assert value(fraction_effect(found, (0, 1)), accuracy) == pytest.approx(0)


# Generators and resolutions as printed in the NIST/SEMATECH e-Handbook, Section 5.3.3.4.7 (after Box, Hunter and
# Hunter, chapter 6).
TEXTBOOK = [
    ("a b ab", 3),
    ("a b c abc", 4),
    ("a b c d abcd", 5),
    ("a b c ab ac", 3),
    ("a b c d e abcde", 6),
    ("a b c d abc bcd", 4),
    ("a b c ab ac bc", 3),
    ("a b c ab ac bc abc", 3),
    ("a b c d abc bcd acd", 4),
    ("a b c d bcd acd abc abd", 4),
    ("a b c d e f abcd abef", 5),
]


@pytest.mark.parametrize(("generators", "resolution"), TEXTBOOK)
def test_resolution_from_the_matrix_is_that_of_the_textbook(generators: str, resolution: int) -> None:
    assert resolution_of(fracfact(generators)) == resolution


def test_a_full_factorial_aliases_nothing() -> None:
    matrix = fracfact("a b c")
    assert resolution_of(matrix) is None
    assert aliases(matrix, [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]) == []


def test_d_is_abc_aliases_ab_with_cd() -> None:
    pairs = list(combinations(range(4), 2))
    assert aliases(fracfact("a b c abc"), [*combinations(range(4), 1), *pairs]) == [
        {(0, 1): 1, (2, 3): 1},
        {(0, 2): 1, (1, 3): 1},
        {(0, 3): 1, (1, 2): 1},
    ]


# Cells of the smallest design of at least that resolution, from the same table; 9 to 11 factors at V: 128.
SMALLEST = {
    3: {3: 4, 4: 8, 5: 8, 6: 8, 7: 8, 8: 16, 9: 16, 10: 16, 11: 16},
    4: {4: 8, 5: 16, 6: 16, 7: 16, 8: 16, 9: 32, 10: 32, 11: 32},
    5: {5: 16, 6: 32, 7: 64, 8: 64, 9: 128, 10: 128, 11: 128},
}


@pytest.mark.parametrize("resolution", [3, 4, 5])
def test_fractions_are_the_smallest_of_their_resolution_and_hold_the_baseline(resolution: int) -> None:
    for factors in range(3, 12):
        matrix, size = fraction(factors, resolution), SMALLEST[resolution].get(factors)
        if size is None:
            assert matrix is None
            continue
        assert matrix.shape == (size, factors)
        assert resolution_of(matrix) >= resolution
        assert (matrix == -1).all(axis=1).sum() == 1
        assert len(np.unique(matrix, axis=0)) == size
        assert (matrix.sum(axis=0) == 0).all()


# Word length patterns (words of length 4, 5, …) of designs 6-2.1 to 11-6.1 in Chen, Sun and Wu 1993, "A catalogue of
# two-level and three-level fractional factorial designs with small runs".
ABERRATION = {
    6: {4: 3},
    7: {4: 7},
    8: {4: 14, 8: 1},
    9: {4: 6, 5: 8, 8: 1},
    10: {4: 10, 5: 16, 8: 5},
    11: {4: 25, 6: 27, 8: 10, 10: 1},
}


@pytest.mark.parametrize("factors", ABERRATION)
def test_fractions_have_minimum_aberration(factors: int) -> None:
    assert Counter(map(len, defining_words(fraction(factors, 4)))) == ABERRATION[factors]


def test_a_library_that_overstates_its_resolution_is_not_believed() -> None:
    """pyDOE3 1.6 says V for seven factors in 32 cells; the textbook needs 64."""
    assert resolution_of(fracfact_by_res(7, 5)) == 4


def test_the_design_in_words() -> None:
    names = ["cosine", "mixup", "C", "warmup", "ema"]
    assert describe(fraction(5, 5), names) == (
        "2^(5-1) fractional factorial of 16 cells, resolution V, I = -ABCDE; main effects and two-factor "
        "interactions clear; A cosine, B mixup, C C, D warmup, E ema"
    )
    assert "resolution IV, I = ABCD; aliased: AB = CD, AC = BD, AD = BC; A cosine" in describe(
        fraction(4, 4), names[:4]
    )
    assert "resolution III, I = -ABD = -ACE and products; aliased: A = -BD = -CE," in describe(
        fraction(5, 3), names
    )
