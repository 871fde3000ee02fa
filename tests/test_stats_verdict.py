"""Verdicts: the rule of docs/statistics.md case by case, and which claims hang on one seed or on borrowing."""

import numpy as np
import pytest
from simulated import claims, draw, shared_comparison

from benchmarks.gates.noise import Cell
from trickbag.errors import InputError
from trickbag.stats import effects, fragile, verdict, verdicts


@pytest.mark.parametrize(
    ("low", "high", "low_90", "high_90", "expected"),
    [  # margin .15; the rows follow the order of the rule
        (-0.12, 0.13, -0.10, 0.11, "equivalent"),
        (-0.16, 0.16, -0.14, 0.14, "equivalent"),  # only the twin must lie inside the margin
        (0.0, 0.10, 0.01, 0.09, "equivalent"),  # zero itself is not left
        (-0.16, 0.17, -0.14, 0.15, "undecided"),  # strict at the margin
        (-0.17, 0.16, -0.15, 0.14, "undecided"),
        (0.02, 0.16, 0.03, 0.14, "better but small"),
        (0.02, 0.17, 0.03, 0.15, "better"),
        (0.20, 0.40, 0.22, 0.38, "better"),
        (-0.40, -0.20, -0.38, -0.22, "worse"),
        (-0.14, -0.01, -0.13, -0.02, "worse"),  # small, but it left zero
        (-0.10, 0.30, -0.05, 0.25, "undecided"),
        (-np.inf, np.inf, -np.inf, np.inf, "undecided"),
    ],
)
def test_rule(low, high, low_90, high_90, expected):
    assert verdict(low, high, low_90, high_90, 0.15) == expected


@pytest.mark.parametrize("margin", [0.0, -0.1, np.inf, np.nan])
def test_margin_must_be_a_margin(margin):
    with pytest.raises(InputError, match="margin"):
        verdict(-0.1, 0.1, -0.1, 0.1, margin)


def judged(d, margin=0.5, **kwargs):
    found = effects(d, **kwargs)
    given = verdicts(found, margin)
    return given, fragile(d, given, margin, **kwargs)


NOISE = np.array([0.1, -0.1, 0.05, -0.15, 0.1, 0.0])


def test_solid_claims_are_not_fragile():
    d = np.array([np.roll(NOISE, i) + shift for i, shift in enumerate([0.0, 1.0, -1.0, 0.25, 0.0])])
    given, flags = judged(d, correlation=shared_comparison(5))
    assert given == ["equivalent", "better", "worse", "better but small", "equivalent"]
    assert not flags.any()


def test_a_claim_that_one_seed_carries_is_fragile():
    """Both gains have p < .012 with borrowing; the first stands on its last seed, the second on all four."""
    quiet = [np.roll([0.1, -0.1, 0.05, -0.05], i) for i in range(3)]
    for row, expected in (([0.10, 0.13, 0.07, 0.3], True), ([0.12, 0.15, 0.09, 0.2], False)):
        given, flags = judged([*quiet, row], margin=0.1)
        assert given[3] == "better"
        assert effects([*quiet, row]).moderated[3]
        assert flags[3] == expected


def test_claims_from_two_seeds_are_always_fragile():
    d = np.array([NOISE[:2] + shift for shift in (0, 5, -5, 0.1, 0.0)])
    given, flags = judged(d)
    assert {given[1], given[2]} == {"better", "worse"}
    np.testing.assert_array_equal(flags, [word != "undecided" for word in given])


def test_undecided_where_the_plain_paired_t_would_claim_is_fragile():
    """A nearly constant small gain among noisy arms: the borrowed variance hides it, its own does not."""
    d = [10 * np.roll(NOISE, i) for i in range(5)] + [0.1 + NOISE / 100]
    given, flags = judged(d)
    assert given[5] == "undecided"
    assert flags.tolist() == [False] * 5 + [True]


def test_swapping_arm_and_comparison_keeps_the_flags():
    d = draw(Cell(k=6), 1, seed=3)[0] * 0.15 + np.array([0, 0.5, 0.7, -0.6, 1.0, 0.4])[:, None]
    given, flags = judged(d, margin=0.2)
    mirrored, mirrored_flags = judged(-d, margin=0.2)
    assert {"better", "worse", "undecided"} <= set(given)
    swapped = {"better": "worse", "worse": "better"}
    assert [swapped.get(word, word) for word in given] == mirrored
    np.testing.assert_array_equal(flags, mirrored_flags)


def solid(studies: np.ndarray, claimed: np.ndarray) -> np.ndarray:
    """Which of the claims [R, k] the cross-check shares."""
    words = np.where(studies.mean(-1) > 0, "better", "worse")
    pairs = zip(studies, words, strict=True)
    return claimed & ~np.array(
        [fragile(d, list(w), 0.01, correlation=shared_comparison(6)) for d, w in pairs]
    )


def test_solid_false_claims_are_rarer_and_most_true_claims_are_solid():
    """A noisy baseline with nothing true, at four seeds; and equal noise with every effect three seed SDs."""
    null = draw(Cell(k=6, n=4, sds=(3, 1, 1, 1, 1, 1, 1)), 1500, seed=5)
    wrong = claims(null, shared_comparison(6))
    some = wrong.any(1)
    assert solid(null[some], wrong[some]).any(1).sum() < min(0.9 * some.sum(), 0.06 * len(null))
    true = draw(Cell(k=6, n=4), 40, seed=6) + 3
    right = claims(true, shared_comparison(6))
    assert solid(true, right).sum() > 0.7 * right.sum()
