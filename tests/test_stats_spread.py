"""Spread: Brown-Forsythe against R and scipy, outlying seeds by hand."""

import numpy as np
import pytest
from golden_values import R
from scipy import stats

from trickbag.stats import equal_sd_p, outlying


def test_equal_sd_is_rs_anova_on_deviations_from_the_median():
    assert equal_sd_p(list(R["unpaired"]["arms"].values())) == pytest.approx(
        R["brown_forsythe"]["p"], rel=1e-9
    )


def test_a_noisier_arm_is_seen():
    rng = np.random.default_rng(0)
    arms = rng.normal(94, 0.2, size=(3, 20))
    assert equal_sd_p(arms) > 0.1
    assert equal_sd_p([arms[0], arms[1], 94 + 5 * (arms[2] - 94)]) < 0.001


@pytest.mark.parametrize(
    "samples",
    [
        [[94.0] * 5, [94.0] * 5],
        [[94.0] * 5, [93.0] * 3],
        [[94.1, 94.1 + 1e-13, 94.1], [93.0] * 3],  # rounding errors
        [[94.0, 94.2], [90.0, 99.0]],  # pairs: both values lie equally far from their median
        [[94.0, 94.2, 94.1]],
        [[94.0, 94.2, 94.1], [93.0]],
        [],
        [[1.0, 1.0, 2.0, 2.0], [0.0, 0.0, 9.0, 9.0]],  # every deviation .5 there and 4.5 here
    ],
)
def test_ties_are_no_evidence(samples):
    assert equal_sd_p(samples) == 1.0


def test_symmetries():
    samples = list(R["unpaired"]["arms"].values())
    p = equal_sd_p(samples)
    assert equal_sd_p(samples[::-1]) == pytest.approx(p)
    assert equal_sd_p([100 - np.array(s) for s in samples]) == pytest.approx(p)
    assert equal_sd_p([3 + 2 * np.array(s) for s in samples]) == pytest.approx(p)


def test_outlying_by_hand():
    """Median .15, deviations .05 .05 0 .03 .03 2.85: MAD .04, 1.4826 · .04 · 3.5 = .21."""
    assert outlying([0.1, 0.2, 0.15, 0.12, 0.18, 3.0]) == [5]
    assert outlying([0.1, 0.2, 0.15, 0.12, 0.18, 0.17]) == []
    assert outlying([-3.0, 0.2, 0.15, 0.12, 0.18, 3.0]) == [0, 5]


def test_the_scale_is_the_normalised_mad_of_scipy():
    values = np.random.default_rng(3).standard_t(2, size=40)
    z = np.abs(values - np.median(values)) / stats.median_abs_deviation(values, scale="normal")
    assert outlying(values) == np.nonzero(z > 3.5)[0].tolist()
    assert outlying(values) != []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.0, 0.0, 9.0], []),  # too few
        ([0.1] * 6, []),
        ([0.1, 0.1 + 1e-14, 0.1 - 1e-14, 0.1, 0.1, 0.1], []),
        ([0.0, 0.0, 0.0, 0.1, 0.1], []),  # mean deviation .04: .1 < 3.5 · 1.2533 · .04 = .175
        ([0.0] * 7 + [0.1], [7]),  # mean deviation .0125: .1 > .055
        ([0.0] * 6 + [0.1, 0.2, -0.1, 0.1], []),  # 1.2533 · 3.5 · .05 = .22
    ],
)
def test_ties_do_not_flag_everything(values, expected):
    assert outlying(values) == expected


def test_normal_seeds_are_rarely_flagged():
    """Ten normal seeds: a few percent of rows have any (Iglewicz and Hoaglin's cut is made for that), never many."""
    rows = np.random.default_rng(1).normal(size=(2000, 10))
    flagged = np.array([len(outlying(row)) for row in rows])
    assert (flagged > 0).mean() < 0.15
    assert flagged.max() <= 4
