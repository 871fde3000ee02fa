"""Time to a target: the leukaemia data of every survival textbook, and hand-worked small cases."""

import numpy as np
import pytest
from scipy.stats import chi2

from trickbag.errors import InputError
from trickbag.stats import time_to_target

# Freireich et al. (1963), Blood 21:699, weeks of remission; as in Cox and Oakes (1984), "Analysis of Survival Data",
# table 1.1, and Kleinbaum and Klein, "Survival Analysis", chapter 2: log-rank chi-squared 16.79, medians 23 and 8.
TREATED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def test_textbook() -> None:
    found = time_to_target(TREATED, RELAPSED, PLACEBO, [1] * 21)
    assert (found.median, found.comparison_median) == (23.0, 8.0)
    assert found.p is not None
    assert chi2.isf(found.p, 1) == pytest.approx(16.79, abs=0.005)


def test_runs_that_never_reach_it_are_not_left_out() -> None:
    """Two of three reach it at 10 and 20 s: the median is 20; one of three: less than half do, so there is none."""
    found = time_to_target([10, 20, 30], [1, 1, 0], [10, 30, 30], [1, 0, 0])
    assert (found.median, found.comparison_median) == (20.0, None)
    assert found.p is not None


def test_nothing_to_test_where_nobody_reaches_it() -> None:
    found = time_to_target([30, 30], [0, 0], [30, 30], [0, 0])
    assert (found.median, found.comparison_median, found.p) == (None, None, None)


def test_equal_arms_do_not_differ() -> None:
    found = time_to_target([1, 2, 3, 4], [1, 1, 1, 0], [1, 2, 3, 4], [1, 1, 1, 0])
    assert found.p == pytest.approx(1.0)


def test_wrong_input() -> None:
    with pytest.raises(InputError, match=r"shapes \(0,\) and \(0,\)"):
        time_to_target(np.array([]), np.array([]), [1], [1])
    with pytest.raises(InputError, match=r"shapes \(2,\) and \(1,\)"):
        time_to_target([1, 2], [1], [1], [1])
