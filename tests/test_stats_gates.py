"""Error rates on studies whose truth is known, and mutations that must break them."""

import numpy as np
import pytest

from trickbag.stats import effects, simulate
from trickbag.stats.moderated import Prior
from trickbag.stats.price import difference_power
from trickbag.stats.simulate import SCENARIOS, claims, draw, shared_comparison

REPLICATES = 4000
SE = np.sqrt(0.05 * 0.95 / REPLICATES)


def error(scenario: str, k: int, n: int, replicates: int = REPLICATES) -> float:
    """The chance of any false claim, which is one minus the simultaneous coverage of the intervals."""
    return float(claims(draw(scenario, replicates, k, n), shared_comparison(k)).any(-1).mean())


@pytest.mark.parametrize(("k", "n"), [(1, 5), (2, 5), (5, 5), (10, 5)])
def test_error_rate_is_nominal_where_the_assumptions_hold(k, n):
    """Two-sided, .05 ± 3 SE."""
    assert error("normal", k, n) == pytest.approx(0.05, abs=3 * SE)


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s != "normal"])
@pytest.mark.parametrize(("k", "n"), [(3, 5), (10, 5)])
def test_error_rate_holds_elsewhere(scenario, k, n):
    """At most .06 and two SE; the contrasts' standard errors and dfs are mixed."""
    assert error(scenario, k, n) <= 0.06 + 2 * SE


@pytest.mark.slow
@pytest.mark.parametrize("scenario", list(SCENARIOS))
@pytest.mark.parametrize(("k", "n"), [(3, 5), (4, 5), (5, 5), (10, 5), (20, 5), (3, 10), (10, 10)])
def test_error_rate_of_ten_thousand_studies(scenario, k, n):
    rate = error(scenario, k, n, 10_000)
    assert rate <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / 10_000)


def test_error_rate_of_disjoint_and_of_chained_comparisons():
    rng = np.random.default_rng(0)
    disjoint = claims(rng.normal(size=(REPLICATES, 6, 5)), np.eye(6))
    assert disjoint.any(-1).mean() == pytest.approx(0.05, abs=4 * SE)
    steps = np.eye(6) - 0.5 * (np.eye(6, k=1) + np.eye(6, k=-1))
    chained = claims(np.diff(rng.normal(size=(REPLICATES, 7, 5)), axis=1), steps)
    assert chained.any(-1).mean() == pytest.approx(0.05, abs=4 * SE)


def test_claims_of_the_simulator_are_those_of_the_analysis():
    for scenario in SCENARIOS:
        studies = draw(scenario, 6, 5, 4, seed=7) + np.array([0, 1, 2, 3, 4])[:, None]
        for d, simulated in zip(studies, claims(studies, shared_comparison(5)), strict=True):
            found = effects(d, correlation=shared_comparison(5))
            np.testing.assert_array_equal((found.low > 0) | (found.high < 0), simulated)


def test_false_equivalence_at_the_margin():
    """With every true difference at the margin, the twin lies inside it for at most one study in twenty."""
    d = draw("normal", REPLICATES, 5, 8, seed=2)
    below = claims(d, shared_comparison(5), 0.9) & (d.mean(-1) < 0)  # exactly: high_90 < margin
    assert below.any(-1).mean() <= 0.05 + 3 * SE


def test_power_of_one_contrast_is_noncentral_t():
    d = draw("normal", REPLICATES, 1, 8, seed=3) + 1.5
    power = difference_power(1.5 / np.sqrt(2) * np.sqrt(8), 7, 0.05)
    assert claims(d, np.eye(1)).mean() == pytest.approx(power, abs=3 * 0.5 / np.sqrt(REPLICATES))


def test_borrowing_pays():
    """The power promised: .48 against .17 for the plain paired t (k = 10, n = 5, two seed SDs)."""
    d = draw("normal", 250, 10, 5) + np.where(np.arange(10) < 3, 2.0, 0.0)[:, None]
    assert claims(d, shared_comparison(10))[:, :3].mean() > 0.42
    assert simulate.paired_claims(d)[:, :3].mean() < 0.25


@pytest.mark.parametrize("mutation", ["ddof", "z for t", "uncorrected", "prior believed without limit"])
def test_mutations_break_a_gate(mutation, monkeypatch):
    """The gates above would notice: each of these errors lifts a rate well over its limit."""
    plain_posterior, plain_prior, scenario = simulate.posterior, simulate.fit_prior, "normal"
    if mutation == "ddof":
        monkeypatch.setattr(simulate, "posterior", lambda v, df, p: plain_posterior(v * df / (df + 1), df, p))
        monkeypatch.setattr(simulate, "fit_prior", lambda v, df, r: plain_prior(v * df / (df + 1), df, r))
    elif mutation == "z for t":
        p_value = simulate.two_sided_p
        monkeypatch.setattr(simulate, "two_sided_p", lambda t, df: p_value(t, np.inf))
    elif mutation == "uncorrected":
        monkeypatch.setattr(simulate, "family_level", lambda df, level, r=None: 1 - level)
    else:
        scenario = "graded SDs"

        def limitless(v: np.ndarray, df: float, r: np.ndarray) -> Prior:
            prior = plain_prior(v, df, r)
            return Prior(prior.s0_squared, prior.d0, np.full_like(prior.known, 1e6))

        monkeypatch.setattr(simulate, "fit_prior", limitless)
    assert error(scenario, 10, 5) > 0.06 + 2 * SE
