"""Joint claims by cases and by their error rate, and what a cross-check shares."""

import numpy as np
import pytest
from scipy import stats

from trickbag.errors import InputError
from trickbag.stats import faster_and_kept, kept, shares


def test_kept():
    assert kept([-0.16, -0.15, -0.14, 0.2, -np.inf], 0.15).tolist() == [False, False, True, True, False]


def test_faster_and_kept_needs_both():
    both = faster_and_kept([True, True, False, False], [-0.1, -0.2, -0.1, -0.2], 0.15)
    assert both.tolist() == [True, False, False, False]


@pytest.mark.parametrize("margin", [0.0, -1.0, np.nan, np.inf])
def test_margin_must_be_a_margin(margin):
    with pytest.raises(InputError, match="margin"):
        kept([0.1], margin)


@pytest.mark.parametrize(("accuracy", "speed"), [(-0.5, 50.0), (50.0, 0.0), (-0.5, 0.0)])
def test_the_joint_claim_is_wrong_at_most_one_time_in_twenty(accuracy, speed):
    """At the edge of one null hypothesis with the other part clearly true the rate is .05 (Berger: the size of the
    test); at the edge of both, .05². One arm, six seeds, margin .5, effects in seed SDs."""
    rng, studies = np.random.default_rng(6), 20_000
    quality, time = rng.normal(accuracy, 1, (studies, 6)), rng.normal(-speed, 1, (studies, 6))
    half = [stats.t(5).isf(0.05) * d.std(-1, ddof=1) / np.sqrt(6) for d in (quality, time)]
    rate = faster_and_kept(time.mean(-1) + half[1] < 0, quality.mean(-1) - half[0], 0.5).mean()
    expected = 0.05 if max(accuracy, speed) > 1 else 0.05**2
    assert rate == pytest.approx(expected, abs=3 * np.sqrt(0.05 * 0.95 / studies))


def test_what_is_shared():
    words = ["equivalent", "better but small", "better", "worse", "undecided"]
    facts = {  # better, worse, small -> who agrees
        (False, False, False): [False, False, False, False, True],
        (False, False, True): [True, False, False, False, True],
        (True, False, False): [False, False, True, False, False],
        (True, False, True): [True, True, True, False, False],
        (False, True, False): [False, False, False, True, False],
        (False, True, True): [True, False, False, True, False],
    }
    for fact, expected in facts.items():
        assert shares(words, *(np.full(5, x) for x in fact)).tolist() == expected
