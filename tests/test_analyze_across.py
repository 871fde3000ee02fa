"""Effects on several workloads: one family of heterogeneity tests, and claims that are those of each workload."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats as st
from statsmodels.stats.multitest import multipletests

from trickbag.analyze.across import across
from trickbag.analyze.family import Finding
from trickbag.analyze.gather import ArmRuns
from trickbag.analyze.judge import Judged, Match
from trickbag.records.plan import Arm, Comparison
from trickbag.records.result import Accuracy, Across, Verdict


def judged(
    workload: str, rows: Sequence[np.ndarray], verdict: Verdict = "undecided", fragile: bool = False
) -> Judged:
    """A workload whose arms differ from the baseline by these points, one row per arm: plain paired t."""
    matches, findings = [], {}
    for i, row in enumerate(rows):
        pair = Comparison(workload=workload, arm=f"a{i}", comparison="baseline")
        arm = Arm(name=pair.arm, workload=workload, tricks=(), fingerprint="f", recipe={}, diff={})
        runs = ArmRuns(arm, {}, (), {})
        matches.append(Match(pair, runs, runs, "confirm"))
        found = st.ttest_1samp(row, 0)
        low, high = found.confidence_interval(0.95)
        findings[pair] = Finding(
            accuracy=Accuracy(effect=float(row.mean()), low=low, high=high, low_90=low, high_90=high),
            se=float(st.sem(row)),
            df=row.size - 1.0,
            alpha=0.05,
            p_adjusted=float(found.pvalue),
            verdict=verdict,
            fragile=fragile,
            seeds=row.size,
            paired=tuple(range(row.size)),
            family=len(rows),
        )
    return Judged(workload, tuple(matches), findings, {}, {})


def null_study(rng: np.random.Generator) -> tuple[Across, ...]:
    """Ten arms on two workloads with five seeds that all share the baseline's luck; nothing differs."""
    loads = []
    for workload in ("resnet", "vgg"):
        accuracy = rng.normal(90, 0.3, (11, 5))
        loads.append(judged(workload, list(accuracy[1:] - accuracy[0])))
    return across(loads, 0.95)


def test_differs_is_said_in_no_more_than_one_null_study_in_twenty() -> None:
    """In 200 studies at most 5 % and two standard errors; the raw p-values say it in about a third of them."""
    rng, studies = np.random.default_rng(2), 200
    said = raw = 0
    for _ in range(studies):
        found = null_study(rng)
        said += any("differ by more than chance" in one.sentence for one in found)
        raw += any(one.heterogeneity_p < 0.05 for one in found)
    bound = 0.05 + 2 * np.sqrt(0.05 * 0.95 / studies)
    assert said / studies <= bound < 2 * bound < raw / studies


def test_heterogeneity_is_adjusted_over_the_arms_as_statsmodels_does() -> None:
    found = null_study(np.random.default_rng(0))
    expected = multipletests([one.heterogeneity_p for one in found], method="holm")[1]
    assert [one.heterogeneity_p_adjusted for one in found] == pytest.approx(expected)


SPREAD = np.array([0.3, -0.2, 0.1, -0.3, 0.1])


@pytest.mark.parametrize(("verdict", "fragile"), [("undecided", False), ("better", True)])
def test_helping_is_a_claim_of_the_workloads_own_family(verdict: Verdict, fragile: bool) -> None:
    """+2 and -2 points: each interval of its own leaves zero, but only what its family claims robustly is told."""
    worse = judged("vgg", [SPREAD - 2], "worse")
    (told,) = across([judged("resnet", [SPREAD + 2], verdict, fragile), worse], 0.95)
    assert told.effects[0].low > 0
    assert told.sentence.startswith("a0 hurts on vgg (−2.00): effects differ by more than chance")
    (both,) = across([judged("resnet", [SPREAD + 2], "better but small"), worse], 0.95)
    assert both.sentence.startswith("a0 helps on resnet (+2.00), hurts on vgg (−2.00): effects differ")
