"""Contrasts of a factorial design and effects on several workloads, on records by hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats as st
from study_records import IMAGES, by_seed, complete, freeze, plan_of

from trickbag.analyze import analyze_study
from trickbag.records.plan import Contrast, Plan
from trickbag.records.result import Attribution, Results

CELLS = {
    "baseline": [900, 902, 898],
    "a": [910, 914, 906],
    "b": [905, 906, 904],
    "a+b": [925, 924, 926],
}  # means 90, 91, 90.5, 92.5 %
SIGNS = {
    ("shapley", "a"): (-0.5, 0.5, -0.5, 0.5),
    ("shapley", "b"): (-0.5, -0.5, 0.5, 0.5),
    ("main_effect", "a"): (-0.5, 0.5, -0.5, 0.5),
    ("main_effect", "b"): (-0.5, -0.5, 0.5, 0.5),
    ("interaction", "a x b"): (1.0, -1.0, -1.0, 1.0),
}


def factorial(folder: Path, cells: dict[str, list[int]] = CELLS) -> Results:
    plan = plan_of([name for name in cells if name != "baseline"], 3)
    contrasts = tuple(
        Contrast(workload="w", kind=kind, name=name, weights=dict(zip(cells, weights, strict=True)))
        for (kind, name), weights in SIGNS.items()
    )
    plan = freeze(folder, plan.model_copy(update={"contrasts": contrasts}))
    complete(folder, plan, {("w", name): by_seed(right) for name, right in cells.items()})
    return analyze_study(folder)


def shares(results: Results) -> dict[str, Attribution]:
    return {found.kind: found for found in results.attributions}


def test_factors_carry_what_the_cell_means_say(tmp_path: Path) -> None:
    """Shapley a = (1.0 + 2.0) / 2, b = (0.5 + 1.5) / 2, total 2.5; together 92.5 - 91 - 90.5 + 90 = 1 more.

    The total's interval: residual mean square of cells + seeds on (4 - 1)(3 - 1) = 6 degrees of freedom.
    """
    results = factorial(tmp_path / "s")
    found = shares(results)
    values = {(k, p.name): p.accuracy.effect for k, f in found.items() for p in f.parts}
    assert values == pytest.approx(
        {("shapley", "a"): 1.5, ("shapley", "b"): 1.0, ("main_effect", "a"): 1.5, ("main_effect", "b"): 1.0,
         ("interaction", "a x b"): 1.0}
    )  # fmt: skip
    total = found["shapley"].total
    assert total is not None
    assert found["interaction"].total is found["main_effect"].total is None
    assert sum(p.accuracy.effect for p in found["shapley"].parts) == pytest.approx(total.effect, abs=1e-12)
    table = np.array(list(CELLS.values())) / IMAGES * 100
    residual = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    half = st.t.ppf(0.975, 6) * np.sqrt((residual**2).sum() / 6 * 2 / 3)
    assert (total.effect, total.low, total.high) == pytest.approx((2.5, 2.5 - half, 2.5 + half))
    assert "that effects add up" not in results.not_claimed


def test_shares_are_told_in_words(tmp_path: Path) -> None:
    """The numbers are those of the test above; every sentence names the factor and its interval."""
    found = shares(factorial(tmp_path / "s"))
    a = found["shapley"].parts[0]
    assert a.sentence.startswith("a carries +1.50 points of the stack's +2.50 (95 % interval ")
    robust = {"baseline": [900, 901, 899], "a": [930, 931, 929], "b": [901, 902, 900], "a+b": [931, 932, 930]}
    wobbly = {name: [h + d for h, d in zip(hits, (0, 0, i % 2), strict=True)]
              for i, (name, hits) in enumerate(robust.items())}  # fmt: skip
    told = factorial(tmp_path / "clear", wobbly)
    assert not shares(told)["shapley"].parts[0].fragile
    assert "Of the stack's +3." in told.bottom_line
    assert "points, a carries the most: +3.0" in told.bottom_line
    assert all(part.name in part.sentence for kind in found.values() for part in kind.parts)
    (both,) = found["interaction"].parts
    said = (
        "together 1.00 points more than the two add up to" if both.verdict != "undecided" else "not settled"
    )
    assert said in both.sentence


def test_a_cell_that_never_finished_leaves_the_shares_unclaimed(tmp_path: Path) -> None:
    plan = plan_of(["a", "b", "a+b"], 3)
    contrast = Contrast(
        workload="w", kind="shapley", name="a", weights=dict(zip(CELLS, SIGNS["shapley", "a"], strict=True))
    )
    plan = freeze(tmp_path / "s", plan.model_copy(update={"contrasts": (contrast,)}))
    part = plan.phases[0].model_copy(update={"runs": tuple(r for r in plan.runs if r.arm != "a+b")})
    complete(
        tmp_path / "s",
        plan.model_copy(update={"phases": (part,)}),
        {("w", n): by_seed(h) for n, h in CELLS.items()},
    )
    results = analyze_study(tmp_path / "s")
    assert results.attributions == ()
    assert "shares of the stack" in results.not_claimed


def several(folder: Path, gains: dict[str, int]) -> Results:
    """One arm on several workloads, with so many more images right, give or take a few."""
    plans = [plan_of(["arm"], 5, workload=name) for name in gains]
    joined = {
        field: tuple(item for plan in plans for item in getattr(plan, field))
        for field in ("workloads", "arms", "comparisons")
    }
    runs = tuple(run for plan in plans for run in plan.phases[0].runs)
    phase = plans[0].phases[0].model_copy(update={"runs": runs})
    plan: Plan = freeze(folder, plans[0].model_copy(update={**joined, "phases": (phase,)}))
    hits = dict[tuple[str, str], dict[int, int]]()
    for i, (name, gain) in enumerate(gains.items()):
        hits[name, "baseline"] = by_seed([900, 903, 897, 901, 899])
        wobble = ((3, -2, 1, -3, 1), (-2, 2, 3, -1, -2), (1, 1, -3, 2, -1))[i]
        hits[name, "arm"] = {s: b + gain + wobble[s - 1] for s, b in hits[name, "baseline"].items()}
    complete(folder, plan, hits)
    return analyze_study(folder)


def test_an_arm_that_helps_here_and_hurts_there_is_a_finding(tmp_path: Path) -> None:
    """+2 points on one network, -2 on the other, SD of differences .24: each clear, their mean is not."""
    results = several(tmp_path / "s", {"resnet": 20, "vgg": -20})
    (found,) = results.across
    assert found.workloads == ("resnet", "vgg")
    assert [e.effect for e in found.effects] == pytest.approx([2.0, -2.0])
    own = st.ttest_1samp([2.3, 1.8, 2.1, 1.7, 2.1], 0).confidence_interval(0.95)
    assert (found.effects[0].low, found.effects[0].high) == pytest.approx((own.low, own.high), rel=1e-6)
    assert found.mean.low < 0 < found.mean.high
    assert (found.prediction, found.heterogeneity_p < 0.01) == (None, True)
    assert found.heterogeneity_p_adjusted == found.heterogeneity_p  # one arm, one test
    assert (
        "helps on resnet (+2.00), hurts on vgg (−2.00): effects differ by more than chance" in found.sentence
    )
    assert "on 2 workloads" in results.bottom_line
    assert "Differs between workloads by more than chance: arm." in results.bottom_line
    assert "arm on resnet: +2.00 points" in results.bottom_line
    assert "beyond these workloads" in results.not_claimed


def test_an_arm_that_does_the_same_everywhere_says_so(tmp_path: Path) -> None:
    (found,) = several(tmp_path / "s", {"resnet": 20, "vgg": 21, "mobile": 19}).across
    assert found.mean.effect == pytest.approx(2.0, abs=0.02)
    assert found.prediction is not None
    assert "about the same on all three" in found.sentence
