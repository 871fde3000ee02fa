"""Relative error against R, by hand, and mirrored."""

import numpy as np
import pytest
from golden_values import R

from trickbag.errors import InputError
from trickbag.stats import relative_error

GOLD = R["relative_error"]


def test_it_is_the_paired_t_of_log_errors():
    """R: t.test(log(100 - arm), log(100 - base), paired = TRUE), back-transformed."""
    effect, low, high = relative_error(GOLD["arm"], GOLD["base"], 0.05)
    assert [low, high] == pytest.approx(100 * np.expm1(GOLD["interval"]), rel=1e-9)
    assert effect == pytest.approx(100 * np.expm1(np.mean(GOLD["interval"])), rel=1e-9)


def test_by_hand():
    """Errors 4 → 2 and 8 → 2: ratios 1/2 and 1/4, geometric mean 1/sqrt(8) = .3536, a fall of 64.6 %.

    log ratios -.6931 and -1.3863: SE .3466, t(1) at .5 is 1: from -.6931 - .6931 to -.6931, i.e. -75 % to -50 %.
    """
    effect, low, high = relative_error([98, 98], [96, 92], alpha=0.5)
    assert (effect, low, high) == pytest.approx((-64.6447, -75.0, -50.0), abs=1e-4)


def test_symmetries():
    arm, base = np.array(GOLD["arm"]), np.array(GOLD["base"])
    effect, low, high = relative_error(arm, base)
    order = [3, 1, 5, 0, 2, 4]
    assert relative_error(arm[order], base[order]) == pytest.approx((effect, low, high))
    assert relative_error(100 - 2 * (100 - arm), 100 - 2 * (100 - base)) == pytest.approx((effect, low, high))
    inverse = relative_error(base, arm)
    assert 1 + inverse[0] / 100 == pytest.approx(1 / (1 + effect / 100))
    assert 1 + inverse[1] / 100 == pytest.approx(1 / (1 + high / 100))


@pytest.mark.parametrize(
    ("arm", "base"),
    [([94.0], [93.0]), ([100.0, 99.0], [98.0, 98.0]), ([94.0, 94.0], [93.0, 93.0]), ([np.nan, 94], [93, 94])],
)
def test_what_cannot_be_told(arm, base):
    assert relative_error(arm, base) is None


def test_what_is_refused():
    with pytest.raises(InputError, match="same seeds"):
        relative_error([94.0, 94.1], [93.0])
